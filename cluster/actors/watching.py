"""The watch of the ProgressActor: it finds lost drivers and missed changes.

A driver that was killed reports nothing. Its session fails when no process has held the session
lock for a while. The rows show when a report was lost, or when a process without access to the live
view changed a session; then the live view reads them again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cluster.core.drivers import DriverWatch, Unattended, describe_lost
from cluster.core.errors import DatabaseUnavailable
from cluster.logs import bind
from cluster.store.database.engine import Engine, begin
from cluster.store.sessions.lost_drivers import fail_lost_session, list_unattended
from cluster.store.sessions.phase_rows import list_revisions

INTERVAL_S = 3.0
OURS = "headcount: "
"""The prefix of each line that a command prints for users."""

logger = bind(__name__)


@dataclass
class Watch:
    """Reads the sessions from the database every few seconds.

    `is_job_alive` asks Ray about a submitted job, and `last_words` returns the last line of its
    output. `shown` returns the revision of each session in the live view, and `reload` lets the
    live view read a session again.
    """

    engine: Engine
    is_job_alive: Callable[[str], bool]
    last_words: Callable[[str], str | None]
    shown: Callable[[], Mapping[int, int]]
    reload: Callable[[int], object]
    clock: Callable[[], float] = time.monotonic
    drivers: DriverWatch = field(default_factory=DriverWatch)

    def run(self) -> None:
        """Call `look` at intervals, forever; an unreachable database is tried again later."""
        while True:
            time.sleep(INTERVAL_S)
            try:
                self.look()
            except DatabaseUnavailable as error:
                logger.warning("sessions cannot be watched", error=str(error))

    def look(self) -> None:
        """Fail the sessions whose driver is lost, and reload those that changed in the rows."""
        with begin(self.engine) as db:
            unattended = list_unattended(db)
        sightings = [self._ask_ray(one) for one in unattended]
        jobs = {one.session_id: one.job_id for one in unattended}
        for session_id in self.drivers.find_lost(sightings, now=self.clock()):
            job_id = jobs[session_id]
            words = None if job_id is None else self.last_words(job_id)
            with begin(self.engine) as db:
                fail_lost_session(
                    db, session_id, reason=describe_lost(words), now=datetime.now(UTC)
                )
        self._catch_up()

    def _ask_ray(self, one: Unattended) -> Unattended:
        is_alive = one.job_id is not None and self.is_job_alive(one.job_id)
        return replace(one, is_job_alive=is_alive)

    def _catch_up(self) -> None:
        shown = self.shown()
        with begin(self.engine) as db:
            revisions = list_revisions(db, list(shown))
        for session_id, revision in shown.items():
            is_erased = session_id not in revisions
            if is_erased or revisions[session_id] > revision:
                self.reload(session_id)


def is_job_alive(job_id: str, *, address: str) -> bool:
    """Tell whether a submitted job waits, starts or runs; asks the Ray cluster at `address`.

    If Ray does not answer, the job counts as alive, so that its session does not fail.
    """
    from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 (slow, and rarely wanted)

    try:
        return not JobSubmissionClient(address).get_job_status(job_id).is_terminal()
    except ConnectionError:
        return True
    except RuntimeError:
        return False  # Ray does not know the job.


def find_last_words(job_id: str, *, address: str) -> str | None:
    """Return the line that says why a submitted job ended; None if Ray does not know the job."""
    from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 (slow, and rarely wanted)

    try:
        message = JobSubmissionClient(address).get_job_info(job_id).message or ""
    except (ConnectionError, RuntimeError):
        return None
    return choose_last_words(message)


def choose_last_words(message: str) -> str | None:
    """Return the line of a job's message that says why it ended.

    It is the last line from Headcount, else the first line from Ray, else None.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    ours = [line.removeprefix(OURS) for line in lines if line.startswith(OURS)]
    return next(iter(ours[-1:] or lines[:1]), None)

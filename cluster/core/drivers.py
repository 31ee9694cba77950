"""Which sessions have lost their driver: nobody runs them, and nobody is about to.

Pure: sightings in, the ids of lost sessions out; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cluster.core.sessions import SessionStatus

LOST_AFTER_S = 15.0
"""So long nobody may run a session before its driver counts as lost: a driver that lost only its
connection to the database is back sooner, and so is the job of a session that was resumed."""

NEVER_CAME_AFTER_S = 60.0
"""The same for a new session without a job: a busy cluster takes its time to take one."""

_NOTHING_LOST = "Nothing that was finished is lost; resume goes on from there."
DRIVER_LOST = (
    f"driver lost: the process that ran this session ended without a word. {_NOTHING_LOST}"
)


def describe_lost(words: str | None) -> str:
    """Return the error of a session whose driver is lost, with the job's last words if any."""
    if words is None:
        return DRIVER_LOST
    return f"driver lost: its Ray job ended: {words} {_NOTHING_LOST}"


@dataclass(frozen=True, slots=True)
class Unattended:
    """A pending or running session that no process runs at this moment.

    `job_id` is the Ray job that ran it last or will run it; `is_job_alive` says that this job is
    waiting, starting or running.
    """

    session_id: int
    status: SessionStatus
    job_id: str | None
    is_job_alive: bool = False

    @property
    def wait_s(self) -> float:
        """Seconds until the driver counts as lost."""
        never_had_one = self.status is SessionStatus.PENDING and self.job_id is None
        return NEVER_CAME_AFTER_S if never_had_one else LOST_AFTER_S


@dataclass(slots=True)
class DriverWatch:
    """Since when each session has been unattended."""

    _since: dict[int, float] = field(default_factory=dict)

    def find_lost(self, sightings: Iterable[Unattended], *, now: float) -> list[int]:
        """Return the sessions that have been unattended for too long, without a break.

        A session whose job is alive is attended, though its driver has not begun or has not yet
        been missed.
        """
        waiting = {one.session_id: one for one in sightings if not one.is_job_alive}
        self._since = {i: self._since.get(i, now) for i in waiting}
        return [i for i, one in waiting.items() if now - self._since[i] >= one.wait_s]

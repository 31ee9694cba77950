"""Decides which sessions have lost their driver, so that no process runs them or is about to.

Pure: the unattended sessions go in, the ids of lost sessions come out; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cluster.core.sessions import SessionStatus

LOST_AFTER_S = 15.0
"""How long a session may be unattended before its driver counts as lost. A driver that only lost
its connection to the database is back sooner, and so is the job of a resumed session."""

NEVER_CAME_AFTER_S = 60.0
"""The limit for a new session without a job, because a busy cluster may start its job late."""

_NOTHING_LOST = "Nothing that was finished is lost; resume continues from there."
DRIVER_LOST = f"driver lost: the process that ran this session ended unexpectedly. {_NOTHING_LOST}"


def describe_lost(words: str | None) -> str:
    """Return the error of a session whose driver is lost.

    `words` are the last message of its Ray job, None when there is none.
    """
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
    """Remembers since when each session has been unattended."""

    _since: dict[int, float] = field(default_factory=dict)

    def find_lost(self, sightings: Iterable[Unattended], *, now: float) -> list[int]:
        """Return the sessions that have been unattended for too long, without a break.

        `sightings` are all unattended sessions at `now` (seconds). A session whose job is alive
        does not count, because its driver may not have begun yet.
        """
        waiting = {one.session_id: one for one in sightings if not one.is_job_alive}
        self._since = {i: self._since.get(i, now) for i in waiting}
        return [i for i, one in waiting.items() if now - self._since[i] >= one.wait_s]

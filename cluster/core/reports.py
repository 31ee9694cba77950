"""What workers tell the live view. Each report may arrive twice, late or out of order.

A report never blocks and never fails the work: it is sent and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cluster.core.photos import Settled
from cluster.core.sessions import PhaseName

MIN_INTERVAL_S = 0.25
"""A worker reports about four times a second, and slow photos one by one; a client is told at most
twice a second."""

MAX_REPORTS_PER_S = 200
"""All workers together: each report takes the live view about a millisecond."""


def report_interval_s(workers: int) -> float:
    """Return how long each of so many workers waits between two reports of what is in flight."""
    return max(MIN_INTERVAL_S, workers / MAX_REPORTS_PER_S)


@dataclass(frozen=True, slots=True)
class InFlight:
    """A worker has done `count` photos of a batch that is not committed yet."""

    session_id: int
    phase: PhaseName
    attempt: int
    batch_id: int
    count: int


@dataclass(frozen=True, slots=True)
class SettledReport:
    """A transaction has changed the row of a phase; `batch_id` is None when it was no batch."""

    session_id: int
    phase: PhaseName
    attempt: int
    batch_id: int | None
    settled: Settled
    step: str | None = None


@dataclass(slots=True)
class Throttle:
    """Lets through at most one event an interval; the clock is an argument."""

    interval_s: float = MIN_INTERVAL_S
    _last: float | None = field(default=None)

    def admit(self, *, now: float, next_in_s: float = 0.0) -> bool:
        """Let an event at `now` pass, or not, and tell which; one that passes is remembered.

        It may a little early when the next one, expected in `next_in_s`, would be late.
        """
        if self._last is not None and 0 <= now - self._last < self.interval_s - next_in_s:
            return False
        self._last = now
        return True


@dataclass(slots=True)
class BatchReporter:
    """Counts the photos that a worker has done of one batch, and reports them, throttled."""

    session_id: int
    phase: PhaseName
    attempt: int
    batch_id: int
    send: Callable[[InFlight], object]
    clock: Callable[[], float]
    throttle: Throttle
    count: int = 0
    _done_at: float | None = None

    def photo_done(self) -> None:
        """Count one more photo as in flight."""
        self.count += 1
        now = self.clock()
        took_s = 0.0 if self._done_at is None else max(0.0, now - self._done_at)
        self._done_at = now
        if self.throttle.admit(now=now, next_in_s=took_s):
            report = InFlight(self.session_id, self.phase, self.attempt, self.batch_id, self.count)
            self.send(report)

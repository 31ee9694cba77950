"""The reports of workers to the live view.

A report may arrive twice, late or out of order. Workers send it without waiting for an answer, so a
report never blocks or fails the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cluster.core.pictures.film_places import FilmPlace
from cluster.core.pictures.photos import Settled
from cluster.core.sessions import PhaseName

MIN_INTERVAL_S = 0.25
"""A worker reports about four times a second, and each slow photo by itself. Clients are updated at
most twice a second."""

MAX_REPORTS_PER_S = 200
"""The limit for all workers together: the live view needs about a millisecond for each report."""


def report_interval_s(workers: int) -> float:
    """Return the seconds between two in-flight reports of each of `workers` workers."""
    return max(MIN_INTERVAL_S, workers / MAX_REPORTS_PER_S)


@dataclass(frozen=True, slots=True)
class InFlight:
    """The report that `count` photos of an uncommitted batch are done."""

    session_id: int
    phase: PhaseName
    attempt: int
    batch_id: int
    count: int


@dataclass(frozen=True, slots=True)
class FilmReport:
    """The report of the position of the search in a film of an uncommitted batch."""

    session_id: int
    phase: PhaseName
    attempt: int
    batch_id: int
    place: FilmPlace


@dataclass(frozen=True, slots=True)
class SettledReport:
    """The report of a phase row's counts after a commit; `batch_id` is None if it was no batch."""

    session_id: int
    phase: PhaseName
    attempt: int
    batch_id: int | None
    settled: Settled
    step: str | None = None


@dataclass(slots=True)
class Throttle:
    """Admits at most one event per interval; the clock is an argument."""

    interval_s: float = MIN_INTERVAL_S
    _last: float | None = field(default=None)

    def admit(self, *, now: float, next_in_s: float = 0.0) -> bool:
        """Tell whether an event at `now` (seconds) is admitted, and remember it if so.

        An event is admitted early if the next one, expected in `next_in_s`, would come too late.
        """
        if self._last is not None and 0 <= now - self._last < self.interval_s - next_in_s:
            return False
        self._last = now
        return True


@dataclass(slots=True)
class BatchReporter:
    """Counts the photos of one batch that a worker has done, and reports them, throttled."""

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

"""Turns counts into the progress that users see, with pure functions.

The law: finished = processed + skipped + failed. The shown count is settled plus in flight. A
percentage is rounded down, so that 100.00 is never shown before the last item. While photos are
still being discovered, the percentage stays 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from cluster.core.errors import InvariantBroken
from cluster.core.pictures.film_places import FilmPlace
from cluster.core.sessions import PhaseName, PhaseStatus, SessionStatus, overall_status
from cluster.core.time_left.timing import Moment, Scope, TimeRange

DEFAULT_WEIGHTS: Mapping[PhaseName, float] = MappingProxyType(
    {PhaseName.TRAINING: 0.30, PhaseName.FACE_DETECTION: 0.65, PhaseName.CLUSTERING: 0.05}
)


@dataclass(frozen=True, slots=True)
class PhaseCounts:
    """The settled counts of one phase."""

    total: int = 0
    processed: int = 0
    skipped: int = 0
    failed: int = 0

    @property
    def finished(self) -> int:
        """The number of finished photos, including duplicates and failures."""
        return self.processed + self.skipped + self.failed


@dataclass(frozen=True, slots=True)
class ClusteringResult:
    """The numbers of people found, of faces that belong to one, and of ungrouped faces.

    `same_person` describes in one line the thresholds that were used and their source; None for a
    result of an earlier version.
    """

    clusters_found: int
    faces_clustered: int
    faces_ungrouped: int
    same_person: str | None = None


@dataclass(frozen=True, slots=True)
class PhaseSnapshot:
    """One phase at one moment: its row, what is in flight, and its rate.

    `in_flight` counts photos that workers have done but not committed; `high_water_mark` is the
    highest finished count that was shown in this attempt. `unchanged` counts finished items that
    needed no work in this attempt, and `rate_per_s` is finished items per second. `film` is a film
    that is being searched. `films` is the number of films among the items, 0 until all are found.
    """

    name: PhaseName
    status: PhaseStatus = PhaseStatus.PENDING
    counts: PhaseCounts = PhaseCounts()
    revision: int = 0
    attempt: int = 1
    in_flight: int = 0
    high_water_mark: int = 0
    is_discovering: bool = False
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None
    step: str | None = None
    rate_per_s: float | None = None
    unchanged: int = 0
    faces_detected: int = 0
    result: ClusteringResult | None = None
    film: FilmPlace | None = None
    films: int = 0

    @property
    def shown(self) -> int:
        """The finished count to show: settled plus in flight, at least the count shown before.

        The last item counts only when it is settled, because a count that reaches the total
        promises that no photo can be lost any more.
        """
        counts = self.counts
        if counts.finished >= counts.total:
            return counts.finished
        live = max(counts.finished + self.in_flight, self.high_water_mark)
        return min(live, counts.total - 1) if not self.is_discovering else min(live, counts.total)


@dataclass(frozen=True, slots=True)
class Eta:
    """The time left in whole seconds: the median, and a band that contains 80 % of the outcomes."""

    seconds: int
    low: int
    high: int

    @classmethod
    def from_range(cls, left: TimeRange) -> Eta:
        """Return the range in whole seconds, with a band at least a second wide.

        The band is rounded to the nearest second: rounded outwards, it would contain more than 80 %
        of the outcomes.
        """
        seconds, low, high = round(left.middle_s), round(left.low_s), round(left.high_s)
        if low == high:
            low, high = math.floor(left.middle_s), math.floor(left.middle_s) + 1
        return cls(seconds, min(seconds, low), max(seconds, high))


NO_TIME_LEFT = Eta(0, 0, 0)


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """One phase as users see it; `eta` is None unless the phase is running or about to run.

    `film` is the film that is being searched, or None.
    """

    name: PhaseName
    status: PhaseStatus
    attempt: int
    current: int
    total: int
    percentage: float
    processed: int
    skipped: int
    failed: int
    is_discovering: bool
    eta: Eta | None
    images_per_minute: float | None
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None
    step: str | None
    faces_detected: int
    result: ClusteringResult | None
    film: FilmPlace | None = None


@dataclass(frozen=True, slots=True)
class UnifiedProgress:
    """A session as users see it; `waiting_for` names the resource that it waits for, or is None.

    `time_percentage` is the share of its time that has passed. `is_counting` is true while photos
    are still being discovered, when the time left includes an estimate for undiscovered photos.
    `films` is the number of films among its items, 0 until all are found.
    """

    session_id: int
    status: SessionStatus
    version: int
    percentage: float
    eta: Eta | None
    current_phase: PhaseName | None
    phases: tuple[PhaseProgress, ...]
    waiting_for: str | None = None
    time_percentage: float = 0.0
    is_counting: bool = False
    films: int = 0

    def phase(self, name: PhaseName) -> PhaseProgress:
        """Return the progress of one phase."""
        return next(phase for phase in self.phases if phase.name is name)


def percentage(*, finished: int, total: int, is_complete: bool) -> float:
    """Return finished / total in percent, rounded down to two decimals.

    A total of 0 gives 100.0 when the phase has completed, and 0.0 before.
    """
    if total <= 0:
        return 100.0 if is_complete else 0.0
    return finished * 10_000 // total / 100


def check_counts(counts: PhaseCounts) -> None:
    """Raise InvariantBroken unless 0 <= finished <= total and no count is negative."""
    if min(counts.processed, counts.skipped, counts.failed) < 0 or counts.finished > counts.total:
        raise InvariantBroken(f"0 <= finished <= total does not hold for {counts}")


def never_fall(before: PhaseSnapshot | None, now: PhaseSnapshot) -> PhaseSnapshot:
    """Return `now` with its high-water mark raised to the count shown before in this attempt."""
    if before is None or before.attempt != now.attempt:
        return now
    return replace(now, high_water_mark=max(now.high_water_mark, before.shown))


def show_phase(phase: PhaseSnapshot, left: TimeRange | None = None) -> PhaseProgress:
    """Return one phase as users see it, from its snapshot and its time left."""
    counts = phase.counts
    current = phase.shown
    is_complete = phase.status is PhaseStatus.COMPLETED
    share = 0.0
    if not phase.is_discovering:
        share = percentage(finished=current, total=counts.total, is_complete=is_complete)
    rate = phase.rate_per_s if phase.status is PhaseStatus.RUNNING else None
    return PhaseProgress(
        name=phase.name,
        status=phase.status,
        attempt=phase.attempt,
        current=current,
        total=counts.total,
        percentage=share,
        # A photo in flight is nearly always processed; the commit corrects the counts.
        processed=counts.processed + (current - counts.finished),
        skipped=counts.skipped,
        failed=counts.failed,
        is_discovering=phase.is_discovering,
        eta=_phase_eta(phase, left),
        images_per_minute=None if rate is None else round(rate * 60, 1),
        started_at=phase.started_at,
        completed_at=phase.completed_at,
        error=phase.error,
        step=phase.step,
        faces_detected=phase.faces_detected,
        result=phase.result,
        film=phase.film if phase.status is PhaseStatus.RUNNING else None,
    )


def _phase_eta(phase: PhaseSnapshot, left: TimeRange | None) -> Eta | None:
    if phase.status is PhaseStatus.COMPLETED:
        return NO_TIME_LEFT
    if left is None or phase.status not in (PhaseStatus.RUNNING, PhaseStatus.PENDING):
        return None
    return Eta.from_range(left)


def unify(
    session_id: int,
    phases: tuple[PhaseSnapshot, ...],
    *,
    version: int,
    waiting_for: str | None = None,
    weights: Mapping[PhaseName, float] = DEFAULT_WEIGHTS,
    moment: Moment | None = None,
) -> UnifiedProgress:
    """Return the progress of a session from the snapshots of its phases, in their order.

    The overall percentage is the weighted sum, rounded down, and 100.0 exactly when the session has
    completed. `moment` holds the time left; without it, no time is shown.
    """
    ranges = {} if moment is None else moment.ranges
    shown = tuple(show_phase(phase, ranges.get(Scope.of(phase.name))) for phase in phases)
    status = overall_status([phase.status for phase in phases])
    if status is SessionStatus.COMPLETED:
        overall = 100.0
    else:
        weighted = sum(weights[phase.name] * phase.percentage for phase in shown)
        # The small addend keeps 0.3 * 100 + 0.65 * 100 from becoming 94.99.
        overall = min(99.99, math.floor(weighted * 100 + 1e-6) / 100)
    return UnifiedProgress(
        session_id=session_id,
        status=status,
        version=version,
        percentage=overall,
        eta=_overall_eta(status, ranges.get(Scope.SESSION)),
        current_phase=_current_phase(status, shown),
        phases=shown,
        waiting_for=waiting_for,
        time_percentage=_time_percentage(status, moment),
        is_counting=status is SessionStatus.RUNNING and phases[0].is_discovering,
        films=min(phases[0].films, phases[0].counts.total),
    )


def _overall_eta(status: SessionStatus, left: TimeRange | None) -> Eta | None:
    if status is SessionStatus.COMPLETED:
        return NO_TIME_LEFT
    if status is not SessionStatus.RUNNING or left is None:
        return None
    return Eta.from_range(left)


def _time_percentage(status: SessionStatus, moment: Moment | None) -> float:
    if status is SessionStatus.COMPLETED:
        return 100.0
    return 0.0 if moment is None else min(99.99, moment.time_percentage)


def _current_phase(status: SessionStatus, phases: tuple[PhaseProgress, ...]) -> PhaseName | None:
    if status in (SessionStatus.COMPLETED, SessionStatus.PENDING):
        return None
    unfinished = (p.name for p in phases if p.status is not PhaseStatus.COMPLETED)
    return next(unfinished, None)

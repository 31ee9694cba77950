"""The time of one session: how long it has worked, and its current promises.

About once a second, `tick` reads the counts, measures the speeds, and returns the moment to show.
The shown time counts down by itself, and follows a new estimate within seconds, without jumps.
Pure: the clock is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.forecast import Forecaster, Outlook
from cluster.core.time_left.speed import KnownSpeed, SpeedFilter
from cluster.core.time_left.timing import LARGEST_SIGMA, Moment, Scope, TimeRange, spread
from cluster.core.time_left.track_record import TrackRecord
from cluster.core.time_left.workload import Workload

LONGEST_STEP_S = 10.0
"""A longer time between two ticks does not count as work, because this process was stopped or
restarted."""

FOLLOW_SHARE, FOLLOW_AGE, FOLLOW_S = 0.12, 0.15, (0.6, 3.0)
"""The shown time follows a new estimate with a time constant: FOLLOW_SHARE of the estimate, or
FOLLOW_AGE of the time since the first estimate if that is less, limited to FOLLOW_S. So the first
estimates are corrected fastest."""

BAND = 0.85
"""The width of a shown band, as a part of the estimated one: the parts of a session compensate each
other more than assumed (17 sessions, replayed by bench/eta_replay.py)."""

COUNTING_S = 9.0
"""Seconds for which no time left is shown while no photo has been found."""

REGAINED_SIGMA = 0.15
"""The sigma of a speed that an earlier process measured over the whole phase."""


@dataclass(slots=True)
class Countdown:
    """A range that counts down, and follows newer estimates without jumps.

    The width of its band depends on how much the estimates of this end were revised so far.
    """

    shown: TimeRange | None = None
    _record: TrackRecord = field(default_factory=TrackRecord)
    _sigma: float = 0.0
    _at: float = 0.0
    _since: float = 0.0

    def follow(self, estimate: TimeRange, *, now: float) -> TimeRange:
        """Return the range to show now, moved towards the estimate."""
        factor = self._record.take(estimate, now=now)
        estimate = spread(estimate.middle_s, BAND * factor * estimate.sigma)
        if self.shown is None or now < self._at:
            self.shown, self._at, self._sigma = estimate, now, estimate.sigma
            self._since = now
            return estimate
        step_s = now - self._at
        counted = max(0.0, self.shown.middle_s - step_s)
        low_s, high_s = FOLLOW_S
        late_s = min(high_s, FOLLOW_SHARE * estimate.middle_s, FOLLOW_AGE * (now - self._since))
        weight = 1 - math.exp(-step_s / max(low_s, late_s))
        middle_s = counted + weight * (estimate.middle_s - counted)
        self._sigma += weight * (estimate.sigma - self._sigma)
        self.shown, self._at = spread(middle_s, self._sigma), now
        return self.shown


@dataclass(frozen=True, slots=True)
class TimeInputs:
    """The inputs of a session's clock at one moment: the phases, their work and the outlook.

    `now` is in seconds of a monotonic clock. `shown` is the moment that was shown at that time.
    """

    now: float
    phases: Mapping[PhaseName, PhaseSnapshot]
    workload: Workload
    outlook: Outlook
    shown: Moment = field(default_factory=Moment)


@dataclass(slots=True)
class SessionClock:
    """Keeps the time of one session; `moment` continues from that of an earlier process.

    The percentage of time never falls, and is below 100 until the session has ended.
    """

    moment: Moment = field(default_factory=Moment)
    workload: Workload = field(default_factory=Workload)
    outlook: Outlook = field(default_factory=Outlook)
    _speeds: dict[PhaseName, SpeedFilter] = field(default_factory=dict)
    _attempts: dict[PhaseName, int] = field(default_factory=dict)
    _seen: dict[PhaseName, int] = field(default_factory=dict)
    _countdowns: dict[Scope, Countdown] = field(default_factory=dict)
    _at: float | None = None
    _was_working: bool = False
    _phase: PhaseName | None = None

    def tick(self, phases: Mapping[PhaseName, PhaseSnapshot], *, now: float) -> Moment:
        """Measure the work since the last tick, and return the moment to show."""
        running = next((p for p in phases.values() if p.status is PhaseStatus.RUNNING), None)
        is_working = running is not None or _is_between(phases)
        step_s = 0.0 if self._at is None else now - self._at
        # The status at the last tick counts, because the session may have waited or been paused.
        if self._was_working and 0 < step_s <= LONGEST_STEP_S:
            self._work_on(self._phase if running is None else running.name, step_s)
        self._at, self._was_working = now, is_working
        self._phase = None if running is None else running.name
        for phase in phases.values():
            self._measure(phase, phases, now=now)
        ranges = self._look_ahead(phases, now=now) if is_working else {}
        if not ranges:
            self._countdowns.clear()
        self.moment = replace(
            self.moment,
            ranges=ranges,
            time_percentage=self._raise_percentage(ranges.get(Scope.SESSION), phases),
        )
        return self.moment

    def _work_on(self, phase: PhaseName | None, step_s: float) -> None:
        phases_s = dict(self.moment.phases_s)
        if phase is not None:
            phases_s[phase] = phases_s.get(phase, 0.0) + step_s
        self.moment = replace(
            self.moment, worked_s=self.moment.worked_s + step_s, phases_s=phases_s
        )

    def _measure(
        self, phase: PhaseSnapshot, phases: Mapping[PhaseName, PhaseSnapshot], *, now: float
    ) -> None:
        name = phase.name
        if self._attempts.setdefault(name, phase.attempt) != phase.attempt:
            self._attempts[name] = phase.attempt
            self._speeds.pop(name, None)
            self._seen.pop(name, None)
            self._begin_again(name)
        if phase.status is not PhaseStatus.RUNNING:
            if name in self._speeds:
                self._speeds[name].pause(now=now)
            return
        if name not in self._speeds:
            if not phase.counts.total:
                return
            known = self._forecaster(phases, now=now).prior(name)
            self._speeds[name] = SpeedFilter.starting_with(self._regain(phase) or known)
            self._seen[name] = count_worked(phase)
        worked = count_worked(phase)
        done = max(0, worked - self._seen[name])
        left = phase.counts.total - phase.shown
        self._seen[name] = worked
        self._speeds[name].learn(now=now, work=self._work(name, left, done), items=done)

    def _begin_again(self, name: PhaseName) -> None:
        """Discard the time of a phase's earlier attempt, and the percentage based on it."""
        phases_s = {**self.moment.phases_s, name: 0.0}
        self.moment = Moment(worked_s=sum(phases_s.values()), phases_s=phases_s)
        self._countdowns.clear()

    def _work(self, name: PhaseName, left: int, done: int) -> float:
        if name is PhaseName.CLUSTERING:
            return float(done)
        work = self.workload.of(name)
        return work.for_last(left + done) - work.for_last(left)

    def _regain(self, phase: PhaseSnapshot) -> KnownSpeed | None:
        """Return the speed of the phase so far, as an earlier process measured it."""
        worked_s = self.moment.phases_s.get(phase.name, 0.0)
        done = count_worked(phase)
        if worked_s < 2.0 or done < 8:
            return None
        unit = 1.0
        if phase.name is not PhaseName.CLUSTERING:
            unit = self.workload.of(phase.name).mean_work
        return KnownSpeed(math.log(done * unit / worked_s), REGAINED_SIGMA)

    def _forecaster(self, phases: Mapping[PhaseName, PhaseSnapshot], *, now: float) -> Forecaster:
        return Forecaster(phases, self.workload, self.outlook, self._speeds, now)

    def _look_ahead(
        self, phases: Mapping[PhaseName, PhaseSnapshot], *, now: float
    ) -> dict[Scope, TimeRange]:
        training = phases[PhaseName.TRAINING]
        if training.is_discovering and not training.counts.total:
            if self.moment.worked_s < COUNTING_S:
                return {}
            # When the end is unknown, half is seen in the median (Gott 1993; see forecast.py).
            unknown = spread(self.moment.worked_s, LARGEST_SIGMA)
            return dict.fromkeys(Scope, unknown)
        estimate = self._forecaster(phases, now=now).forecast()
        return {
            scope: self._countdowns.setdefault(scope, Countdown()).follow(found, now=now)
            for scope, found in estimate.items()
        }

    def _raise_percentage(
        self, left: TimeRange | None, phases: Mapping[PhaseName, PhaseSnapshot]
    ) -> float:
        if all(phase.status is PhaseStatus.COMPLETED for phase in phases.values()):
            return 100.0
        before = min(self.moment.time_percentage, 99.99)
        if left is None:
            return before
        # The percentage cannot fall, so it is estimated with caution while photos are being
        # counted.
        is_counting = phases[PhaseName.TRAINING].is_discovering
        whole_s = self.moment.worked_s + (left.high_s if is_counting else left.middle_s)
        share = self.moment.worked_s / whole_s if whole_s > 0 else 0.0
        return max(before, min(99.99, math.floor(share * 10_000) / 100))


def count_worked(phase: PhaseSnapshot) -> int:
    """Return the finished items that needed work, without unchanged files and skipped photos."""
    if phase.name is PhaseName.FACE_DETECTION:
        return phase.shown - phase.counts.skipped
    return phase.shown - phase.unchanged


def _is_between(phases: Mapping[PhaseName, PhaseSnapshot]) -> bool:
    """Tell whether the session is between two phases: some are completed, and none is running."""
    statuses = [phase.status for phase in phases.values()]
    return (
        PhaseStatus.COMPLETED in statuses
        and all(status in (PhaseStatus.COMPLETED, PhaseStatus.PENDING) for status in statuses)
        and PhaseStatus.PENDING in statuses
    )

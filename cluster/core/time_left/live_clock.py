"""The clock of one session in the live view, with its stored and its shown moment.

A share of time that was shown must not fall when all processes are killed, so it is stored before
it is shown. Pure: the caller has the store and the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.forecast import Outlook
from cluster.core.time_left.promises import Sample, sampling_stride
from cluster.core.time_left.timekeeping import SessionClock
from cluster.core.time_left.timing import NO_TIME, Moment, Scope
from cluster.core.time_left.workload import Probe, Workload

READ_AGAIN_S = 20.0
"""Seconds after which the pending work of a session is read again."""

SOON_S, COSTS = 2.0, 25.0
"""While the pending work changes, it is read every SOON_S seconds, but reading takes at most one
COSTS-th of the time."""

STORE_INTERVAL_S = 1.0

LONGEST_UNTICKED_S = 3.0
"""Without a tick, the shown time left counts down for at most this many seconds."""


@dataclass(slots=True)
class LiveClock:
    """The clock of a session that is or was in the live view; `shown` is what clients see.

    Times are seconds of a monotonic clock.
    """

    clock: SessionClock
    shown: Moment
    has_past: bool = False
    is_busy: bool = False
    _read_at: float = float("-inf")
    _read_took_s: float = 0.0
    _read_for: tuple[object, ...] = ()
    _stored_at: float = float("-inf")
    _number: int = -1
    _ticked_at: float = 0.0
    _statuses: dict[PhaseName, PhaseStatus] = field(default_factory=dict)
    _samples: list[Sample] = field(default_factory=list)

    @classmethod
    def going_on(cls, moment: Moment) -> LiveClock:
        """Return a clock that continues from a stored moment."""
        return cls(SessionClock(moment), moment)

    def wants_work(self, phases: Sequence[PhaseSnapshot], *, now: float) -> bool:
        """Tell whether the pending work should be read again."""
        age_s = now - self._read_at
        if age_s > max(READ_AGAIN_S, COSTS * self._read_took_s):
            return True
        is_new = _work_key(phases) != self._read_for
        return is_new and age_s > max(SOON_S, COSTS * self._read_took_s)

    def take_work(
        self, workload: Workload, phases: Sequence[PhaseSnapshot], *, asked_at: float, now: float
    ) -> None:
        """Use the pending work, which was read when the phases were as given."""
        self.clock.workload = workload
        self._read_at, self._read_took_s = now, now - asked_at
        self._read_for = _work_key(phases)

    def expect(self, *, workers: int, cpus: int) -> None:
        """Use these numbers of detectors and CPUs."""
        self.clock.outlook = replace(self.clock.outlook, workers=workers, cpus=cpus)

    def take_free(self, share: float | None) -> None:
        """Use the share of the CPUs that was recently left to workers."""
        self.clock.outlook = replace(self.clock.outlook, free=share)

    def take_probe(self, probe: Probe) -> None:
        """Use the times of a probe, unless an earlier probe had more photos."""
        known = self.clock.outlook.probe
        if known is None or probe.photos >= known.photos:
            self.clock.outlook = replace(self.clock.outlook, probe=probe)

    def take_past(self, outlook: Outlook) -> None:
        """Use the speeds of earlier sessions."""
        self.clock.outlook = replace(
            self.clock.outlook, past=outlook.past, grouping=outlook.grouping
        )
        self.has_past = True

    def tick(self, phases: Sequence[PhaseSnapshot], *, now: float) -> None:
        """Measure and forecast from the counts; the share of time is shown once it is stored."""
        by_name = {phase.name: phase for phase in phases}
        moment = self.clock.tick(by_name, now=now)
        self._ticked_at = now
        stored = min(moment.time_percentage, self.shown.time_percentage)
        self.shown = replace(moment, time_percentage=stored)
        self._sample(by_name, moment)

    def show(self, *, now: float) -> Moment:
        """Return the moment that clients see now; its time left counts down since the last tick."""
        passed_s = min(LONGEST_UNTICKED_S, max(0.0, now - self._ticked_at))
        ranges = {scope: left.after(passed_s) for scope, left in self.shown.ranges.items()}
        return replace(self.shown, ranges=ranges)

    def is_store_due(self, *, now: float) -> bool:
        """Tell whether the moment should be stored, for new samples or after a second."""
        return bool(self._samples) or now - self._stored_at >= STORE_INTERVAL_S

    def take_samples(self) -> list[Sample]:
        """Return the samples that are not stored yet, and forget them."""
        samples, self._samples = self._samples, []
        return samples

    def stored(self, moment: Moment, *, now: float) -> None:
        """Show the share of time of a moment that has been stored."""
        self._stored_at = now
        self.shown = replace(self.shown, time_percentage=moment.time_percentage)

    def _sample(self, phases: Mapping[PhaseName, PhaseSnapshot], moment: Moment) -> None:
        ended = [
            name
            for name, phase in phases.items()
            if phase.status is PhaseStatus.COMPLETED
            and self._statuses.get(name) not in (None, PhaseStatus.COMPLETED)
        ]
        number = int(moment.worked_s)
        is_due = number > self._number and number % sampling_stride(moment.worked_s) == 0
        if (is_due and moment.ranges) or ended:
            self._number = number
            for scope in self._scopes(phases, ended):
                self._samples.append(_to_sample(scope, phases, moment))
        self._statuses = {name: phase.status for name, phase in phases.items()}

    def _scopes(
        self, phases: Mapping[PhaseName, PhaseSnapshot], ended: Sequence[PhaseName]
    ) -> list[Scope]:
        running = [n for n, phase in phases.items() if phase.status is PhaseStatus.RUNNING]
        return [Scope.SESSION, *(Scope.of(name) for name in (*ended, *running))]


def _work_key(phases: Sequence[PhaseSnapshot]) -> tuple[object, ...]:
    """Return a key that changes when the pending work changes."""
    return tuple(
        (phase.status, phase.attempt, phase.counts.total, phase.is_discovering)
        for phase in phases
        if phase.name.counts_photos
    )


def _to_sample(scope: Scope, phases: Mapping[PhaseName, PhaseSnapshot], moment: Moment) -> Sample:
    own = list(phases.values()) if scope is Scope.SESSION else [phases[PhaseName(scope.value)]]
    is_done = all(phase.status is PhaseStatus.COMPLETED for phase in own)
    return Sample(
        scope,
        # The sample of the end has another number, so that it does not replace a promise.
        int(moment.worked_s) + (1 if is_done else 0),
        moment.worked_s,
        sum(phase.shown for phase in own),
        sum(phase.counts.total for phase in own),
        NO_TIME if is_done else moment.ranges.get(scope),
    )

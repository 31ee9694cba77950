"""The live view as metrics: counters of committed items, and gauges of the sessions' progress.

Counters come from the counts that a commit returned, not from the workers. So a report that arrives
twice counts once, and no count is lost when a worker is killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.core.counter_deltas import CounterDeltas
from cluster.core.metrics import (
    ETA,
    FACES,
    IN_FLIGHT,
    IN_FLIGHT_AGE,
    PENDING,
    PHASE_PROGRESS,
    PHOTOS,
    PROGRESS,
    Meter,
)
from cluster.core.progress import PhaseProgress, PhaseSnapshot, UnifiedProgress
from cluster.core.sessions import PhaseName, PhaseStatus

MEASURE_INTERVAL_S = 5.0
"""Seconds between two settings of a gauge. Ray forgets a gauge after about twenty seconds."""

InFlight = Mapping[PhaseName, Mapping[int, int]]
"""Photos in flight by phase and batch."""


@dataclass
class LiveMeasures:
    """Records metrics from the live view; times are seconds of a monotonic clock."""

    meter: Meter
    _deltas: dict[tuple[int, PhaseName], CounterDeltas] = field(default_factory=dict)
    _seen_at: dict[int, dict[tuple[PhaseName, int], float]] = field(default_factory=dict)

    def count(self, session_id: int, phase: PhaseSnapshot) -> None:
        """Count the items that were committed since the last call for this phase."""
        if not phase.name.counts_photos:
            return  # it counts faces, and face detection has counted those already
        counts = _count_outcomes(phase)
        deltas = self._deltas.get((session_id, phase.name))
        if deltas is None or deltas.attempt < phase.attempt:
            self._deltas[session_id, phase.name] = CounterDeltas.starting_at(phase.attempt, counts)
        elif deltas.attempt == phase.attempt:
            for outcome, grown in deltas.grow_to(counts).items():
                if outcome == FACES.name:
                    self.meter.record(FACES, grown)
                else:
                    self.meter.record(PHOTOS, grown, phase=phase.name, outcome=outcome)

    def gauge(self, progress: UnifiedProgress, in_flight: InFlight, *, now: float) -> None:
        """Set the gauges of a session that has not ended.

        After the end they are no longer set, so Ray drops them.
        """
        session = str(progress.session_id)
        self.meter.record(PROGRESS, progress.percentage / 100, session=session)
        if progress.eta is not None:
            self.meter.record(ETA, progress.eta.seconds, session=session)
        ages = self._ages(progress.session_id, in_flight, now=now)
        for phase in progress.phases:
            name = phase.name.value
            ratio = phase.percentage / 100
            self.meter.record(PHASE_PROGRESS, ratio, session=session, phase=name)
            if phase.status is PhaseStatus.RUNNING and phase.name.counts_photos:
                flying = sum(in_flight.get(phase.name, {}).values())
                self.meter.record(IN_FLIGHT, flying, session=session, phase=name)
                self.meter.record(PENDING, _count_pending(phase), session=session, phase=name)
                age = ages.get(phase.name, 0.0)
                self.meter.record(IN_FLIGHT_AGE, age, session=session, phase=name)

    def forget(self, session_id: int) -> None:
        """Forget the counts and times of a session that the live view has forgotten."""
        self._seen_at.pop(session_id, None)
        for key in [key for key in self._deltas if key[0] == session_id]:
            del self._deltas[key]

    def _ages(self, session_id: int, in_flight: InFlight, *, now: float) -> dict[PhaseName, float]:
        """Return the age in seconds of the oldest batch in flight of each phase."""
        before = self._seen_at.get(session_id, {})
        seen = {
            (phase, batch_id): before.get((phase, batch_id), now)
            for phase, batches in in_flight.items()
            for batch_id in batches
        }
        self._seen_at[session_id] = seen
        ages: dict[PhaseName, float] = {}
        for (phase, _), since in seen.items():
            ages[phase] = max(ages.get(phase, 0.0), now - since)
        return ages


def _count_outcomes(phase: PhaseSnapshot) -> dict[str, int]:
    counts = phase.counts
    return {
        "processed": counts.processed,
        "skipped": counts.skipped,
        "failed": counts.failed,
        FACES.name: phase.faces_detected,
    }


def _count_pending(phase: PhaseProgress) -> int:
    return max(0, phase.total - phase.current)

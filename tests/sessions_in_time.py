"""Synthetic sessions as the live view sees them second by second, for tests of promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cluster.core.progress import PhaseCounts, PhaseSnapshot
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.workload import PhaseWork, Workload, grouping_seconds

TRAINING, DETECTION, CLUSTERING = PhaseName
Phases = dict[PhaseName, PhaseSnapshot]


@dataclass(frozen=True, slots=True)
class MadeSession:
    """A session over `photos` photos; speeds are photos per second.

    Photos are counted for `counting_s`; each has `faces` faces, and a share of `duplicates` needs
    no search. Grouping takes `slowness` times as long as the curve predicts.
    """

    photos: int = 600
    reading: float = 100.0
    finding: float = 20.0
    faces: float = 1.0
    duplicates: float = 0.0
    counting_s: float = 1.0
    slowness: float = 1.0

    @property
    def searched(self) -> int:
        """The number of photos that are searched for faces."""
        return self.photos - int(self.photos * self.duplicates)

    @property
    def ends(self) -> tuple[float, float, float]:
        """When each phase ends, in seconds."""
        read_at = self.photos / self.reading
        found_at = read_at + self.searched / self.finding
        faces = self.searched * self.faces
        return read_at, found_at, found_at + grouping_seconds(faces) * self.slowness

    def at(self, second: float) -> Phases:
        """Return the phases as they are after this many seconds."""
        read_at, found_at, end = self.ends
        read = min(self.photos, int(second * self.reading))
        is_counting = second < min(self.counting_s, read_at)
        total = self.photos
        if is_counting:
            total = max(read, int(self.photos * second / self.counting_s))
        skipped = int(read * self.duplicates)
        found = (
            0 if second < read_at else min(self.searched, int((second - read_at) * self.finding))
        )
        grouped = 0.0 if second < found_at else min(1.0, (second - found_at) / (end - found_at))
        faces = int(self.searched * self.faces)
        return {
            TRAINING: PhaseSnapshot(
                TRAINING,
                _status(second, 0.0, read_at),
                PhaseCounts(total, read - skipped, skipped),
                is_discovering=is_counting,
            ),
            DETECTION: PhaseSnapshot(
                DETECTION,
                _status(second, read_at, found_at),
                PhaseCounts(total, found, skipped),
                is_discovering=is_counting,
                faces_detected=int(found * self.faces),
            ),
            CLUSTERING: PhaseSnapshot(
                CLUSTERING,
                _status(second, found_at, end),
                PhaseCounts(faces if grouped else 0, int(faces * grouped)),
            ),
        }

    def workload(self, phases: Phases) -> Workload:
        """Return the pending work of these phases: every photo is one unit."""
        left = [phases[name].counts.total - phases[name].counts.finished for name in PhaseName]
        works = [PhaseWork((items,), (float(items),)) if items else PhaseWork() for items in left]
        return Workload(works[0], works[1])

    def seconds(self, *, step_s: float = 1.0) -> Iterator[tuple[float, Phases]]:
        """Yield the phases second by second, to the end."""
        now = 0.0
        while now < self.ends[2]:
            yield now, self.at(now)
            now += step_s
        yield self.ends[2], self.at(self.ends[2])


def _status(second: float, start: float, end: float) -> PhaseStatus:
    if second >= end:
        return PhaseStatus.COMPLETED
    return PhaseStatus.RUNNING if second >= start else PhaseStatus.PENDING


def pause(phases: Phases) -> Phases:
    """Return the phases of a session that a user has paused."""
    return {
        name: phase
        if phase.status is PhaseStatus.COMPLETED
        else replace(phase, status=PhaseStatus.PAUSED)
        for name, phase in phases.items()
    }

"""Forecasts the time of a session from its counts, its work, and the known speeds.

The speed of the running phase is measured. The later phases are estimated from earlier sessions
with the pack and from a probe on this machine, or else from the speed of reading and the usual
ratio, with a wide band. So there is a range for the whole session as soon as its first photos are
counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.speed import KnownSpeed, SpeedFilter, combine_speeds, time_for
from cluster.core.time_left.timing import NO_TIME, Scope, TimeRange, add_up, spread
from cluster.core.time_left.workload import (
    PIXELS_PER_UNIT,
    Probe,
    Workload,
    grouping_seconds,
    reading_work,
)

READING_CPU_S, FINDING_CPU_S = 0.004, 0.06
"""CPU seconds of one unit on a typical core: the first guess on an unknown machine."""

GUESS_SIGMA, RATIO_SIGMA = 0.9, 0.55
"""The sigma of that guess, and of the ratio of the two phases."""

PROBE_SIGMA, PAST_SIGMA, GROUPING_SIGMA = 0.22, 0.22, 0.45
"""The sigma of a whole phase around a probe, an earlier session, and `grouping_seconds`."""

BUSY = 0.92
"""The share of the CPUs that workers get; the database and the driver use the rest."""

OWN = 1.4
"""The CPU share of detectors, as a multiple of that of readers. While photos are read, which is
many times faster, the session's own driver and database use more of the CPUs."""

LEAST_FREE, FREE_DOUBT, PAST_DOUBT = 0.1, 0.6, 0.5
"""The smallest share of the CPUs that is assumed to last; the uncertainty of the future share, as a
part of its logarithm; and the same for the share during earlier sessions."""

MOST_SLOWED = 4.0
"""The largest factor by which other programs are expected to slow grouping down."""

BETWEEN_PHASES_S = 0.1
"""Seconds from the last item of a phase to the beginning of the next one, or to the end."""

SKIPPED_BEFORE, READ_BEFORE = 1.0, 12.0
"""The prior for duplicates, as if 1 of 12 photos had been skipped before the session."""

FACES_BEFORE, PHOTOS_BEFORE = 4.0, 4.0
"""The prior for faces: 4 faces in 4 photos."""

ALIKE_BEFORE = 6.0
"""The weight of the first guess about files of equal size, as a number of such files."""

UNDISCOVERED, UNDISCOVERED_SIGMA = 2.0, 0.8
"""While photos are being counted, twice the present number is expected: when the end of something
is unknown, half of it is seen in the median (Gott 1993, "Implications of the Copernican principle
for our future prospects")."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The knowledge about a session before it has measured anything.

    `past` holds the speeds of earlier sessions with the pack, in units per second; `grouping` is
    their time of grouping, as a multiple of `grouping_seconds`. `workers` is the number of
    detectors, and `free` the share of the CPUs that was recently left to them, None if unknown.
    """

    past: Mapping[PhaseName, KnownSpeed] = field(default_factory=dict)
    grouping: float | None = None
    workers: int = 1
    cpus: int = 1
    probe: Probe | None = None
    free: float | None = None


Snapshots = Mapping[PhaseName, PhaseSnapshot]
Speeds = Mapping[PhaseName, SpeedFilter]


@dataclass(frozen=True, slots=True)
class Forecaster:
    """Estimates the time left of a session from its phases, its work and the measured speeds."""

    phases: Snapshots
    workload: Workload
    outlook: Outlook
    speeds: Speeds
    now: float

    def forecast(self) -> dict[Scope, TimeRange]:
        """Return the time left of the session and of each phase."""
        parts = {phase: self._phase(phase) for phase in PhaseName}
        waits = sum(
            1 for name in PhaseName if self.phases[name].status is not PhaseStatus.COMPLETED
        )
        session = add_up([*parts.values(), spread(waits * BETWEEN_PHASES_S, 0.5)])
        return {Scope.SESSION: session, **{Scope.of(name): parts[name] for name in PhaseName}}

    def _phase(self, name: PhaseName) -> TimeRange:
        if self.phases[name].status is PhaseStatus.COMPLETED:
            return NO_TIME
        if name is PhaseName.CLUSTERING:
            return self._grouping()
        items, sigma = self._items_left(name)
        if items <= 0:
            return NO_TIME
        work = self.workload.of(name).for_last(items)
        speed = self.speeds.get(name)
        middle_s, time_sigma = time_for(
            self.prior(name) if speed is None else speed, work=work, items=items, now=self.now
        )
        return spread(middle_s, math.hypot(time_sigma, sigma))

    def _items_left(self, name: PhaseName) -> tuple[float, float]:
        """Return the items that need work, and the standard deviation of their logarithm."""
        phase, training = self.phases[name], self.phases[PhaseName.TRAINING]
        left = float(phase.counts.total - phase.shown)
        sigma = 0.0
        if training.is_discovering:
            total = max(1, training.counts.total)
            expected = max(total * UNDISCOVERED, self.workload.known_files)
            left += expected - total
            sigma = UNDISCOVERED_SIGMA
        if name is PhaseName.FACE_DETECTION:
            left -= self._found_without_search()
            unread = max(0, training.counts.total - training.shown)
            copies, copies_off, others = self._skipped_of(unread)
            all_left, left = left, max(0.0, left - copies - others)
            if left > 0:
                sigma = math.hypot(sigma, copies_off / left, 0.5 * others / all_left)
        return left, sigma

    def _found_without_search(self) -> float:
        """Return the duplicates and failures of training that face detection has yet to skip."""
        detection, training = self.phases[PhaseName.FACE_DETECTION], self.phases[PhaseName.TRAINING]
        if detection.status is not PhaseStatus.PENDING:
            return 0.0
        met = training.counts.skipped - training.unchanged + training.counts.failed
        return float(max(0, met - (detection.counts.skipped - detection.unchanged)))

    def _skipped_of(self, unread: int) -> tuple[float, float, float]:
        """Return how many of the unread photos need no search.

        Returns the number of likely copies, its standard deviation, and the number of others.
        Unchanged files are left out, because they say nothing about new photos.
        """
        training, alike = self.phases[PhaseName.TRAINING], self.workload.alike
        counts, known = training.counts, training.unchanged
        skipped = max(0, counts.skipped - known) + counts.failed
        read = max(skipped, counts.finished - known)
        alike_left = min(float(unread), alike.count_last(unread))
        alike_read = min(float(read), max(0.0, alike.total - alike_left))
        # Skipped photos count as copies first, so a size that proves nothing shows soon.
        seen = ALIKE_BEFORE + alike_read
        share = (ALIKE_BEFORE * alike.share + min(skipped, alike_read)) / seen
        off = math.sqrt(share * (1 - share) / (seen + 1))  # The deviation of a beta distribution.
        met = SKIPPED_BEFORE + max(0.0, skipped - share * alike_read)
        other_share = min(0.98, met / (READ_BEFORE + read - alike_read))
        return share * alike_left, off * alike_left, other_share * (unread - alike_left)

    def _faces(self) -> float:
        """Return the expected number of faces to group."""
        detection = self.phases[PhaseName.FACE_DETECTION]
        items, _ = self._items_left(PhaseName.FACE_DETECTION)
        probe = self.outlook.probe
        before = (FACES_BEFORE, PHOTOS_BEFORE)
        if probe is not None:
            before = (probe.faces * probe.photos + 0.5, probe.photos + 0.5)
        searched = detection.counts.processed + before[1]
        a_photo = (detection.faces_detected + before[0]) / searched
        return self.workload.faces + detection.faces_detected + a_photo * items

    def _grouping(self) -> TimeRange:
        phase = self.phases[PhaseName.CLUSTERING]
        factor = 1.0 if self.outlook.grouping is None else self.outlook.grouping
        sigma = GROUPING_SIGMA if self.outlook.grouping is None else GROUPING_SIGMA / 2
        # Other programs slow down both the start of its process and grouping itself.
        if self.outlook.grouping is None:
            factor = min(MOST_SLOWED, (BUSY / self._free_share()) ** 2)
        whole_s = grouping_seconds(self._faces()) * factor
        if phase.status is PhaseStatus.RUNNING and phase.counts.total:
            left = 1 - phase.shown / phase.counts.total
            speed = self.speeds.get(PhaseName.CLUSTERING)
            if speed is not None:
                items = left * phase.counts.total
                middle_s, own = time_for(speed, work=items, items=items + 100, now=self.now)
                return spread(middle_s, own)
            return spread(whole_s * left, sigma)
        return spread(whole_s, sigma)

    def prior(self, name: PhaseName) -> KnownSpeed:
        """Return the estimate of a phase's speed, in units per second, before it is measured."""
        if name is PhaseName.CLUSTERING:
            faces = max(1, self.phases[name].counts.total)
            factor = 1.0 if self.outlook.grouping is None else self.outlook.grouping
            return KnownSpeed(math.log(faces / (grouping_seconds(faces) * factor)), GROUPING_SIGMA)
        past = self._past(name)
        if name is PhaseName.TRAINING:
            speed = self._free_share() * self.outlook.cpus / READING_CPU_S
            return past or KnownSpeed(math.log(speed), GUESS_SIGMA)
        probe = self.outlook.probe
        if probe is None or probe.seconds <= 0:
            return past or self._guess_detection()
        probed = self._probed(probe)
        return probed if past is None else combine_speeds(past, probed)

    def _past(self, name: PhaseName) -> KnownSpeed | None:
        """Return the speed of earlier sessions, less certain if other programs use the CPUs now."""
        past = self.outlook.past.get(name)
        if past is None:
            return None
        others = math.log(BUSY / self._free_share())
        return KnownSpeed(past.log_speed, math.hypot(past.sigma, PAST_DOUBT * others))

    def _free_share(self) -> float:
        free = self.outlook.free
        return BUSY if free is None else min(BUSY, max(LEAST_FREE, OWN * free))

    def _probed(self, probe: Probe) -> KnownSpeed:
        """Return the speed of all detectors, estimated from a probe."""
        workers, doubt = BUSY * self.outlook.workers / probe.likely_seconds, probe.doubt
        if probe.cpu_s and self.outlook.free is not None:
            # The share of the CPUs over many seconds is known better than from the probe.
            free = self._free_share()
            workers = min(self.outlook.workers, free * self.outlook.cpus) / probe.cpu_s
            doubt = FREE_DOUBT * -math.log(free)
        sigma = math.hypot(PROBE_SIGMA, probe.sigma / math.sqrt(probe.photos), doubt)
        return KnownSpeed(math.log(workers * self.workload.detection.mean_work), sigma)

    def _guess_detection(self) -> KnownSpeed:
        """Return the speed of finding faces as a ratio to the speed of reading."""
        measured = self.speeds.get(PhaseName.TRAINING)
        reading = self.prior(PhaseName.TRAINING) if measured is None else measured.known
        ratio = READING_CPU_S / FINDING_CPU_S * self.outlook.workers / self.outlook.cpus
        sigma = math.hypot(reading.sigma, RATIO_SIGMA)
        return KnownSpeed(reading.log_speed + math.log(ratio), sigma)


def units_of(phase: PhaseName, *, items: float, total_bytes: float, pixels: float) -> float:
    """Return the units of finished work in a photo phase."""
    if phase is PhaseName.TRAINING:
        return reading_work(items=items, sized_items=items, total_bytes=total_bytes)
    return items + pixels / PIXELS_PER_UNIT

"""Estimates how long a future session takes, from a few timed photos and earlier sessions.

Work and speeds are modelled as for a running session (workload.py, speed.py).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cluster.core.sessions import PHOTO_PHASES, PhaseName
from cluster.core.time_left.forecast import (
    BETWEEN_PHASES_S,
    BUSY,
    FINDING_CPU_S,
    GROUPING_SIGMA,
    GUESS_SIGMA,
    PROBE_SIGMA,
    READING_CPU_S,
)
from cluster.core.time_left.speed import KnownSpeed, combine_speeds, time_for
from cluster.core.time_left.timing import NO_TIME, TimeRange, add_up, spread
from cluster.core.time_left.workload import (
    finding_work,
    grouping_seconds,
    reading_units,
    reading_work,
)

START_S, START_SIGMA = 0.8, 0.4
"""Seconds until the first photos are found and the first batch is committed; their sigma."""

KNOWN_WORK = 0.2
"""The share of a unit that a file with known bytes costs: it is read, but not decoded."""

ALONE_SIGMA = 0.5
"""Assumed spread of the times of photos (sigma of their logarithm) when only one was timed."""

GPU_SIGMA = 0.5
"""Uncertainty of timings on a GPU, where batches are faster than the single photos that were
timed."""

OTHERS_SIGMA = 0.45
"""Spread between libraries: one face or none in a photo, or groups of ten."""

GUESSED_CPUS = 4
"""The CPUs of a typical machine, assumed if no photo could be timed."""

BUSY_STAYS, LEAST_FREE, BUSY_SIGMA = 0.7, 0.35, 0.5
"""The part of other programs' load that is expected to last, the least share of the CPUs that a
session is expected to get, and the uncertainty of that share. Most loads are shorter than a session
(bench/dryrun.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryWork:
    """The work of a session, in numbers of files and bytes.

    `to_read` files are read, `to_decode` of them are new pictures, and `to_search` are searched for
    faces. `known_faces` are grouped together with the new ones.
    """

    to_read: int
    bytes_to_read: int
    to_decode: int
    to_search: int
    known_faces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPhoto:
    """The cost of one photo in one process, in seconds, and the number of its faces.

    `read_s` is the CPU time for reading, decoding and fingerprinting, and `waited_s` the time of
    waiting for a disk or a network. `search_s` is the CPU time for finding its faces, and
    `search_wall_s` the elapsed time.
    """

    size_bytes: int
    pixels: int
    read_s: float
    waited_s: float
    search_s: float
    search_wall_s: float
    faces: int


@dataclass(frozen=True, slots=True)
class TimedPhotos:
    """The times of a few photos of a library.

    `warm_up_s` is the time of loading the models and using them once. A session would read with
    `cpus` and search with `detectors`, which run on GPUs if `on_gpu`. Meanwhile other programs used
    the share `others_busy` (0 to 1) of the machine's CPUs.
    """

    photos: tuple[TimedPhoto, ...]
    warm_up_s: float
    cpus: int
    detectors: int
    on_gpu: bool = False
    others_busy: float = 0.0

    @property
    def free_share(self) -> float:
        """The share of the CPUs that other programs leave to the low-priority workers."""
        return max(LEAST_FREE, 1 - BUSY_STAYS * self.others_busy)

    @property
    def faces(self) -> float:
        """The mean number of faces in a photo."""
        return statistics.fmean(photo.faces for photo in self.photos)


@dataclass(frozen=True, slots=True)
class PastSessions:
    """The speeds of earlier sessions with a pack, in units per second.

    `grouping` is the time of grouping as a multiple of `grouping_seconds`; `faces` and `pixels` are
    means per photo. None means unknown.
    """

    speeds: Mapping[PhaseName, KnownSpeed] = field(default_factory=dict)
    grouping: float | None = None
    faces: float | None = None
    pixels: float | None = None

    @property
    def knows_photos(self) -> bool:
        """True if the speeds of reading and of finding faces are known."""
        return all(phase in self.speeds for phase in PHOTO_PHASES)


def expect_time(work: DryWork, *, timed: TimedPhotos | None, past: PastSessions) -> TimeRange:
    """Return the time of a session with this work, from its start to its end.

    Earlier sessions and timed photos are weighted by their precision; the photos are from this
    library, while earlier sessions may have been over others. Without either, the result is a guess
    with a wide range.
    """
    faces = _choose(None if timed is None else timed.faces, past.faces, 1.0)
    count = work.known_faces + work.to_search * faces
    factor, sigma = past.grouping or 1.0, GROUPING_SIGMA / (1 if past.grouping is None else 2)
    parts = [
        spread(START_S + 3 * BETWEEN_PHASES_S, START_SIGMA),
        _expect_reading(work, timed, past),
        _expect_searching(work, timed, past),
        spread(grouping_seconds(count) * factor / _free_share(timed), sigma),
    ]
    return add_up(parts)


def _expect_reading(work: DryWork, timed: TimedPhotos | None, past: PastSessions) -> TimeRange:
    units = reading_work(
        items=work.to_decode + KNOWN_WORK * (work.to_read - work.to_decode),
        sized_items=work.to_read,
        total_bytes=work.bytes_to_read,
    )
    known = _weigh(_time_reading(timed), past.speeds.get(PhaseName.TRAINING), timed)
    return _expect_phase(units, work.to_read, known or _guess(READING_CPU_S))


def _expect_searching(work: DryWork, timed: TimedPhotos | None, past: PastSessions) -> TimeRange:
    own = None if timed is None else statistics.fmean(photo.pixels for photo in timed.photos)
    pixels = _choose(own, past.pixels, 0.0)
    units = finding_work(items=work.to_search, sized_items=1, total_pixels=pixels)
    known = _weigh(_time_searching(timed), past.speeds.get(PhaseName.FACE_DETECTION), timed)
    return _expect_phase(units, work.to_search, known or _guess(FINDING_CPU_S))


def _expect_phase(units: float, items: int, speed: KnownSpeed) -> TimeRange:
    if not items or not units:
        return NO_TIME
    return spread(*time_for(speed, work=units, items=items))


def _time_reading(timed: TimedPhotos | None) -> KnownSpeed | None:
    """Return the speed of reading with all CPUs, including waits for a disk or a network."""
    if timed is None:
        return None
    units = [reading_units(photo.size_bytes) for photo in timed.photos]
    # On a busy machine, a thread that seems to wait for a disk may wait for a CPU.
    quiet = 1 - timed.others_busy
    seconds = [photo.read_s + quiet * photo.waited_s for photo in timed.photos]
    return _measure(units, seconds, workers=timed.cpus, timed=timed)


def _time_searching(timed: TimedPhotos | None) -> KnownSpeed | None:
    if timed is None:
        return None
    units = [
        finding_work(items=1, sized_items=1, total_pixels=photo.pixels) for photo in timed.photos
    ]
    seconds = [photo.search_wall_s if timed.on_gpu else photo.search_s for photo in timed.photos]
    known = _measure(units, seconds, workers=timed.detectors, timed=timed)
    return KnownSpeed(known.log_speed, math.hypot(known.sigma, GPU_SIGMA * timed.on_gpu))


def _measure(
    units: Sequence[float], seconds: Sequence[float], *, workers: int, timed: TimedPhotos
) -> KnownSpeed:
    """Return the speed of several workers from the seconds that photos took in one."""
    taken = max(sum(seconds), 1e-6)
    costs = [max(second, 1e-6) / unit for unit, second in zip(units, seconds, strict=True)]
    rates = [math.log(cost) for cost in costs]
    apart = statistics.stdev(rates) if len(rates) > 1 else ALONE_SIGMA
    speed = BUSY * workers * timed.free_share * sum(units) / taken
    sigmas = (PROBE_SIGMA, apart / math.sqrt(len(rates)), BUSY_SIGMA * timed.others_busy)
    return KnownSpeed(math.log(speed), math.hypot(*sigmas))


def _weigh(
    measured: KnownSpeed | None, past: KnownSpeed | None, timed: TimedPhotos | None
) -> KnownSpeed | None:
    """Combine both speeds; earlier sessions are assumed to have run on an idle machine."""
    if past is None or timed is None:
        return measured or past
    slowed = KnownSpeed(
        past.log_speed + math.log(timed.free_share),
        math.hypot(past.sigma, OTHERS_SIGMA, BUSY_SIGMA * timed.others_busy),
    )
    return slowed if measured is None else combine_speeds(slowed, measured)


def _guess(cpu_s: float) -> KnownSpeed:
    return KnownSpeed(math.log(BUSY * GUESSED_CPUS / cpu_s), GUESS_SIGMA)


def _free_share(timed: TimedPhotos | None) -> float:
    return 1.0 if timed is None else timed.free_share


def _choose(first: float | None, second: float | None, otherwise: float) -> float:
    """Return the first known value, or `otherwise`."""
    return next((value for value in (first, second) if value is not None), otherwise)

"""The pending work of a session, in units: one unit is the work for a small photo.

Reading a photo costs a fixed part and a part that grows with the root of its bytes, because large
photos are decoded at a reduced size. Finding faces costs a fixed part and a part that grows with
its pixels. The seconds of a unit differ between machines and packs; they are measured (speed.py).
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import pstdev

from cluster.core.sessions import PhaseName

BYTES_PER_UNIT = 4_000
"""A photo of this many bytes takes twice as long to read as the smallest one. bench/eta_costs.py
confirms the root, and measures almost no fixed cost; this number includes the cost for the driver
and the database, which that script does not measure."""

ROOT_OF_MEAN = 0.9
"""The mean of the roots of sizes, as a part of the root of their mean, for use when only the mean
is known. It holds for log-normal sizes with a standard deviation of 0.9."""

PIXELS_PER_UNIT = 10_000_000
"""Finding faces in a photo of this many pixels takes twice as long as in a small one. The number is
a compromise: with a decoded copy, a large photo takes as long as a small one (bench/eta_costs.py);
without a copy, it is decoded again, which takes several times as long."""

FILM_BYTES_PER_UNIT = 1_800_000
"""A film is read in a stream, without decoding it (bench/films.py)."""

FILM_SECONDS_PER_UNIT, MOST_FILM_UNITS = 1.5, 160
"""A frame is searched at least every two seconds, and about as many more where scenes change."""

FACES_ALONE_S, FACES_LINEAR_S, FACES_SQUARE_S = 0.2, 1e-4, 1.0e-8
"""Seconds of grouping: a fixed part, per face, and per pair (bench/clustering.py).

Measured on two cores without VNNI; other machines are compared with this curve.
"""


DOUBT = 0.6
"""The uncertainty of the CPU share of other programs, which may end soon, as a part of its
logarithm."""


@dataclass(frozen=True)
class PhaseWork:
    """The pending items of a phase in their order: segments of `items`, each with `work` units."""

    items: tuple[int, ...] = ()
    work: tuple[float, ...] = ()

    @property
    def total_items(self) -> int:
        """The number of pending items when this was read."""
        return self._items_from_end[-1]

    @cached_property
    def _items_from_end(self) -> list[int]:
        return [0, *itertools.accumulate(reversed(self.items))]

    @cached_property
    def _work_from_end(self) -> list[float]:
        return [0.0, *itertools.accumulate(reversed(self.work))]

    @property
    def mean_work(self) -> float:
        """The mean units per item; 1 without items."""
        total = self.total_items
        return self._work_from_end[-1] / total if total else 1.0

    def for_last(self, items: float) -> float:
        """Return the units of the last `items` items: the pending ones, because items end in order.

        Items beyond the known ones count with the mean.
        """
        ends, work = self._items_from_end, self._work_from_end
        if items >= ends[-1]:
            return work[-1] + (items - ends[-1]) * self.mean_work
        at = bisect.bisect_right(ends, items) - 1
        part = (items - ends[at]) / (ends[at + 1] - ends[at])
        return work[at] + part * (work[at + 1] - work[at])


@dataclass(frozen=True, slots=True)
class AlikeFiles:
    """Files that are as large as one, two or three earlier files of the session: likely copies.

    `pending` has the number of such files in each segment of the pending files, `total` their
    number in all files except unchanged ones, and `share` the part of them that probably are
    copies.
    """

    pending: PhaseWork = field(default_factory=PhaseWork)
    total: int = 0
    share: float = 0.0

    def count_last(self, files: float) -> float:
        """Return how many of the last `files` files are as large as an earlier one."""
        return self.pending.for_last(files) if self.pending.total_items else 0.0


def share_of_copies(alike: int, *, sizes: int, neighbours: int) -> float:
    """Return the part of the files as large as an earlier one whose size is not equal by chance.

    `sizes` is the number of different sizes, and `neighbours` the number of these for which the
    size one byte larger also occurs. With independent sizes, equal sizes are as frequent as
    neighbouring ones: q = neighbours / sizes means a Poisson process with log(1 / (1 - q)) files of
    each size.
    """
    if alike <= 0:
        return 0.0
    share = min(0.99, neighbours / max(1, sizes))
    by_chance = sizes * (-math.log1p(-share) / share - 1) if share > 0 else 0.0
    return max(0.02, min(0.98, 1 - by_chance / alike))


@dataclass(frozen=True, slots=True)
class Workload:
    """The pending work of the photo phases, and the number of faces that the pack has found before.

    `known_files` is the number of files of the library in earlier sessions.
    """

    training: PhaseWork = field(default_factory=PhaseWork)
    detection: PhaseWork = field(default_factory=PhaseWork)
    faces: int = 0
    known_files: int = 0
    alike: AlikeFiles = field(default_factory=AlikeFiles)

    def of(self, phase: PhaseName) -> PhaseWork:
        """Return the work of a photo phase."""
        return self.training if phase is PhaseName.TRAINING else self.detection


def segment_work(*, items: float, measured: float, units: float, extra: float = 0.0) -> float:
    """Return the units of `items` items: one each, plus the units for their sizes.

    `units` are the units for the sizes of `measured` items; the other items count with their mean.
    `extra` are the units of films.
    """
    return items * (1 + (units / measured if measured else 0.0)) + extra


def reading_units(size_bytes: float) -> float:
    """Return the units of reading one photo."""
    return 1 + math.sqrt(size_bytes / BYTES_PER_UNIT)


def reading_work(*, items: float, sized_items: float, total_bytes: float) -> float:
    """Return the units of reading `items` photos; photos of unknown size count with the mean."""
    if sized_items <= 0:
        return items
    root = reading_units(total_bytes / sized_items) - 1
    return items * (1 + ROOT_OF_MEAN * root)


def finding_work(*, items: float, sized_items: float, total_pixels: float) -> float:
    """Return the units of finding faces in photos; photos not read yet count with the mean."""
    return segment_work(items=items, measured=sized_items, units=total_pixels / PIXELS_PER_UNIT)


def grouping_seconds(faces: float) -> float:
    """Return the seconds that grouping these faces takes on the reference machine."""
    return FACES_ALONE_S + FACES_LINEAR_S * faces + FACES_SQUARE_S * faces * faces


@dataclass(frozen=True, slots=True)
class Probe:
    """The times of a few photos of the library, measured before their turn on a warm worker.

    `seconds` is the expected time for one photo when all workers are busy; `faces` is the mean
    number of faces. `sigma` is the standard deviation of the logarithm of their times, and `doubt`
    that of the share of the CPUs that other programs will use. `cpu_s` is the CPU time of one
    photo, None on a GPU.
    """

    photos: int
    seconds: float
    faces: float
    sigma: float
    doubt: float = 0.0
    cpu_s: float | None = None

    @property
    def likely_seconds(self) -> float:
        """The expected seconds for one photo, halfway between `seconds` and `cpu_s`.

        A probe lasts only a third of a second, while the session itself starts and reads, so the
        load that it sees may not last.
        """
        return self.seconds if self.cpu_s is None else math.sqrt(self.seconds * self.cpu_s)


@dataclass(frozen=True, slots=True)
class TimedPhoto:
    """One photo of a probe: CPU seconds, elapsed seconds, and the number of its faces."""

    cpu_s: float
    passed_s: float
    faces: int


def summarise_probe(timed: Sequence[TimedPhoto], *, cpus: int, is_on_gpu: bool) -> Probe:
    """Return the probe of at least one timed photo.

    On a GPU, the elapsed time counts. On a CPU, the probe competes with the session's readers, one
    on each CPU, and with other programs. The CPU time gives the work, and the elapsed time gives
    the number of processes that shared the CPUs: `cpus * passed / cpu`.
    """
    photos = len(timed)
    passed_s = sum(one.passed_s for one in timed)
    cpu_s = sum(one.cpu_s for one in timed)
    own = [one.passed_s if is_on_gpu else one.cpu_s for one in timed]
    logs = [math.log(max(1e-6, seconds)) for seconds in own]
    sigma = pstdev(logs) if photos > 1 else 1.0
    share = 1.0 if is_on_gpu else _share_of_a_cpu(cpu_s, passed_s, cpus=cpus)
    seconds = (passed_s if is_on_gpu else cpu_s / share) / photos
    faces = sum(one.faces for one in timed) / photos
    own_s = None if is_on_gpu else cpu_s / photos
    return Probe(photos, seconds, faces, sigma, doubt=DOUBT * -math.log(share), cpu_s=own_s)


def _share_of_a_cpu(cpu_s: float, passed_s: float, *, cpus: int) -> float:
    """Return the share of a CPU that each detector gets when there is one for each CPU."""
    sharing = cpus * max(1.0, passed_s / max(1e-6, cpu_s))
    return min(1.0, cpus / max(1.0, sharing - 1))

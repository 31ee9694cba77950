"""How much work a session has before it, in units: one unit is the work for a small photo.

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
"""Bytes of a photo that takes twice as long to read as one of none. bench/eta_costs.py measures the
root, and next to no fixed part; what each photo costs the driver and the database, which it does
not see, is allowed for by this number."""

ROOT_OF_MEAN = 0.9
"""The mean of the roots of sizes as a part of the root of their mean, where only that is known: in
a library whose sizes are log-normal with a standard deviation of 0.9."""

PIXELS_PER_UNIT = 10_000_000
"""Pixels that make finding faces take twice as long as in a small photo. It is a middle: with a
decoded copy, a large photo takes as long as a small one (bench/eta_costs.py); without, it is
decoded again, which takes several times as long."""

FILM_BYTES_PER_UNIT = 1_800_000
"""A film is read in a stream, without decoding it (bench/films.py)."""

FILM_SECONDS_PER_UNIT, MOST_FILM_UNITS = 1.5, 160
"""A frame is searched at least every two seconds, and about as many more where scenes change."""

FACES_ALONE_S, FACES_LINEAR_S, FACES_SQUARE_S = 0.2, 1e-4, 1.0e-8
"""Seconds of grouping: for any faces, for each face, and for each pair (bench/clustering.py).

On two cores without VNNI; other machines are compared with this curve.
"""


DOUBT = 0.6
"""Other programs may end soon: the share of the CPUs that they take is uncertain by this part."""


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
        """Units for each item on average; 1 if nothing is known."""
        total = self.total_items
        return self._work_from_end[-1] / total if total else 1.0

    def for_last(self, items: float) -> float:
        """Return the units of the last `items` items: those that are left, as items end in order.

        Items beyond those that were known count with the mean.
        """
        ends, work = self._items_from_end, self._work_from_end
        if items >= ends[-1]:
            return work[-1] + (items - ends[-1]) * self.mean_work
        at = bisect.bisect_right(ends, items) - 1
        part = (items - ends[at]) / (ends[at + 1] - ends[at])
        return work[at] + part * (work[at + 1] - work[at])


@dataclass(frozen=True, slots=True)
class AlikeFiles:
    """Files that are as large as one, two or three earlier ones of the session: likely copies.

    `pending` has the number of such files in each segment of the pending files, `total` how many
    there are in all but unchanged files, and `share` is the part that is likely to be copies.
    """

    pending: PhaseWork = field(default_factory=PhaseWork)
    total: int = 0
    share: float = 0.0

    def count_last(self, files: float) -> float:
        """Return how many of the last `files` files there are."""
        return self.pending.for_last(files) if self.pending.total_items else 0.0


def share_of_copies(alike: int, *, sizes: int, neighbours: int) -> float:
    """Return which part of the files that are as large as an earlier one is not so by chance.

    `sizes` is how many different sizes there are, and `neighbours` how many of these have another
    that is one byte larger. If sizes were drawn alone, as many would be equal as are neighbours: of
    q = neighbours / sizes, a Poisson process of log(1 / (1 - q)) files at each size.
    """
    if alike <= 0:
        return 0.0
    share = min(0.99, neighbours / max(1, sizes))
    by_chance = sizes * (-math.log1p(-share) / share - 1) if share > 0 else 0.0
    return max(0.02, min(0.98, 1 - by_chance / alike))


@dataclass(frozen=True, slots=True)
class Workload:
    """The pending work of the photo phases, and the faces that the pack has found before.

    `known_files` is how many files the library had in earlier sessions.
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
    """Return the units of `items` items: one each, and what their sizes add.

    `units` is what the sizes of `measured` of them add; the others count like these. `extra` is
    what films take.
    """
    return items * (1 + (units / measured if measured else 0.0)) + extra


def reading_units(size_bytes: float) -> float:
    """Return the units of reading one photo."""
    return 1 + math.sqrt(size_bytes / BYTES_PER_UNIT)


def reading_work(*, items: float, sized_items: float, total_bytes: float) -> float:
    """Return the units of reading `items` photos; those of unknown size count as the others."""
    if sized_items <= 0:
        return items
    root = reading_units(total_bytes / sized_items) - 1
    return items * (1 + ROOT_OF_MEAN * root)


def finding_work(*, items: float, sized_items: float, total_pixels: float) -> float:
    """Return the units of finding faces in photos; those not read yet count as the others."""
    return segment_work(items=items, measured=sized_items, units=total_pixels / PIXELS_PER_UNIT)


def grouping_seconds(faces: float) -> float:
    """Return the seconds that grouping these faces takes on the reference machine."""
    return FACES_ALONE_S + FACES_LINEAR_S * faces + FACES_SQUARE_S * faces * faces


@dataclass(frozen=True, slots=True)
class Probe:
    """A few photos of the library, timed before their turn on a worker that was warm.

    `seconds` is what a worker will need for one when all workers do the same; `faces` is how many
    one had. `sigma` is the standard deviation of the logarithm of their times, and `doubt` that of
    the share of the CPUs that other programs will use. `cpu_s` is the CPU time of one photo, None
    on a GPU.
    """

    photos: int
    seconds: float
    faces: float
    sigma: float
    doubt: float = 0.0
    cpu_s: float | None = None

    @property
    def likely_seconds(self) -> float:
        """What a worker will need for one if half of the other programs were there by chance.

        A probe lasts a third of a second, in which the session itself starts and reads.
        """
        return self.seconds if self.cpu_s is None else math.sqrt(self.seconds * self.cpu_s)


@dataclass(frozen=True, slots=True)
class TimedPhoto:
    """One photo of a probe: CPU seconds, seconds that passed, and its faces."""

    cpu_s: float
    passed_s: float
    faces: int


def summarise_probe(timed: Sequence[TimedPhoto], *, cpus: int, is_on_gpu: bool) -> Probe:
    """Return what a detector will need for a photo, from at least one that was timed.

    On a GPU that is the time that passed. On a CPU, readers of the session worked beside the probe,
    one on each CPU, and so did other programs. The CPU time tells the work, and the time that
    passed tells how many programs shared the CPUs: `cpus * passed / cpu` of them.
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

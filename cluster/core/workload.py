"""How much work a session has before it, in units: one unit is the work for a small photo.

Reading a photo costs a fixed part and a part that grows with its bytes. Finding faces costs a fixed
part and a part that grows with its pixels, because a large photo takes longer to decode. The
seconds of a unit differ between machines and packs; they are measured (speed.py).
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cluster.core.sessions import PhaseName

BYTES_PER_UNIT = 180_000
"""Reading these many bytes takes as long as what every photo costs (bench/eta.py --costs)."""

PIXELS_PER_UNIT = 10_000_000
"""Pixels that make finding faces take twice as long as in a small photo (bench/eta.py --costs)."""

FACES_ALONE_S, FACES_LINEAR_S, FACES_SQUARE_S = 0.6, 1e-4, 1.0e-8
"""Seconds of grouping: for any faces, for each face, and for each pair (bench/clustering.py).

On two cores without VNNI; other machines are compared with this curve.
"""


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
class Workload:
    """The pending work of the photo phases, and the faces that the pack has found before.

    `known_files` is how many files the library had in earlier sessions.
    """

    training: PhaseWork = field(default_factory=PhaseWork)
    detection: PhaseWork = field(default_factory=PhaseWork)
    faces: int = 0
    known_files: int = 0

    def of(self, phase: PhaseName) -> PhaseWork:
        """Return the work of a photo phase."""
        return self.training if phase is PhaseName.TRAINING else self.detection


def reading_work(*, items: float, sized_items: float, total_bytes: float) -> float:
    """Return the units of reading `items` files; those of unknown size count as the others."""
    mean_bytes = total_bytes / sized_items if sized_items else 0.0
    return items * (1 + mean_bytes / BYTES_PER_UNIT)


def finding_work(*, items: float, sized_items: float, total_pixels: float) -> float:
    """Return the units of finding faces in photos; those not read yet count as the others."""
    mean_pixels = total_pixels / sized_items if sized_items else 0.0
    return items * (1 + mean_pixels / PIXELS_PER_UNIT)


def grouping_seconds(faces: float) -> float:
    """Return the seconds that grouping these faces takes on the reference machine."""
    return FACES_ALONE_S + FACES_LINEAR_S * faces + FACES_SQUARE_S * faces * faces


@dataclass(frozen=True, slots=True)
class Probe:
    """A few photos of the library, timed before their turn on a worker that was warm.

    `seconds` is what a worker needs for one, in CPU time where it computes on a CPU; `sigma` is the
    standard deviation of the logarithm of these times.
    """

    photos: int
    seconds: float
    faces: float
    sigma: float


def summarise_probe(seconds: Sequence[float], faces: Sequence[int], sigma: float) -> Probe:
    """Return the mean of the timed photos."""
    photos = len(seconds)
    return Probe(photos, sum(seconds) / photos, sum(faces) / photos, sigma)

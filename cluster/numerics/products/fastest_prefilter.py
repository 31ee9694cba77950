"""Measures which prefilter is fastest on this processor.

All prefilters let through every pair that matters, so the choice changes no result. With VNNI,
8-bit products are the fastest by far. Without it, 8 bits take two products per tile, 7 bits take
one and let through a few more pairs, and float32 takes as long as two products, so the fastest one
depends on the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from cluster.numerics.products.integer_products import (
    has_wide_sums,
    integer_prefilter,
    narrow_prefilter,
)
from cluster.numerics.products.prefilter import MakePrefilter, Prefilter, float_prefilter

SAMPLE = 1024
"""Vectors of one measured tile; it takes about ten milliseconds."""

NEAR_SHARE = 1 / 2000
"""The share of near pairs in the measured tile, as in a library of people."""

ROUNDS = 3


CHOICES: Mapping[str, MakePrefilter] = MappingProxyType(
    {"8 bits": integer_prefilter, "7 bits": narrow_prefilter, "float32": float_prefilter}
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of the fastest prefilter, and the seconds of each that was measured."""

    name: str
    seconds: Mapping[str, float]

    @property
    def make(self) -> MakePrefilter:
        """The function that makes the chosen prefilter."""
        return CHOICES[self.name]


def choose_prefilter(
    vectors: npt.NDArray[np.float32],
    *,
    clock: Callable[[], float] = time.perf_counter,
    is_wide: Callable[[], bool] = has_wide_sums,
) -> Choice:
    """Measure the prefilters on a sample of the vectors, float32 (n, d), and choose the fastest.

    Fewer than SAMPLE vectors, and processors with VNNI, get 8 bits without a measurement.
    """
    if is_wide() or len(vectors) < SAMPLE:
        return Choice("8 bits", {})
    step = max(1, len(vectors) // SAMPLE)
    sample = np.ascontiguousarray(vectors[::step][:SAMPLE])
    products = sample @ sample.T
    near = float(np.quantile(products[~np.eye(len(sample), dtype=bool)], 1 - NEAR_SHARE))
    seconds = {
        name: _measure(make(sample, None), len(sample), near, clock)
        for name, make in CHOICES.items()
    }
    return Choice(min(seconds, key=lambda name: seconds[name]), seconds)


def _measure(prefilter: Prefilter, count: int, near: float, clock: Callable[[], float]) -> float:
    """Return the shortest time of several runs, because other programs can only make it longer."""
    thresholds, tile = np.full(count, near), (0, count)
    times = []
    for _ in range(ROUNDS):
        started = clock()
        for _found in prefilter.find_candidates(tile, tile, thresholds=thresholds):
            pass
        times.append(clock() - started)
    return min(times)

"""Exact neighbours and core distances, each pair of vectors compared once, tile by tile.

Contract: `vectors` is float32 (n, d), C-contiguous, distinct, in canonical order
(`distinct.find_distinct`), each row of length 1 (within float32's rounding). Distances are
Euclidean; on such vectors they order points as cosine distances do. A tile's result depends on
that tile, the radii and the vectors alone, so tiles may be computed anywhere and in any order.

Method: brute force, but not for a number of neighbours: within a radius, which each vector has of
its own. A list of the k nearest can only be known when everything has been seen, and each tile
would have to hear of all before it; a radius is known beforehand, serves both ends of a pair, and
what lies within it is the same whoever looks.

1. `find_radii`: a vector's radius is its distance to the c-th nearest of a sample, so at least c
   vectors lie within it, and k on average when the sample is c / k of all (`plan_sample`). The
   canonical order is as good as random, so the sample is its beginning.
2. `compare_tile`: a `Prefilter` lets through the pairs that may lie within the radius of either;
   those are measured, and kept if they do.
3. `find_core_distances`: core distance as in Campello, Moulavi, Sander (PAKDD 2013), as hdbscan
   counts it: to the `min_samples`-th neighbour, without the point itself. The lists hold so many.

Decided: with fewer than k others a list holds all of them; one vector has an empty list, and its
core distance is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.numerics.pairs import Lists, Pairs, join_pairs, measure_distances, measure_squared
from cluster.numerics.products.prefilter import PRODUCT_SLACK, Block, Prefilter, split_rows

DEFAULT_NEIGHBOURS = 36
"""Lists of about so many: longer ones take longer to find and leave less to search later."""

SMALLEST_SAMPLE = 1024

MEASURE_SLACK = 1e-5
"""By what share a squared distance measured in float32 may be wrong (d <= 2048)."""

EXTRA_USED = 2
ROWS_AT_ONCE = 8192

Tile = tuple[Block, Block]
"""Rows, and the columns to compare them with: the same ones, or later ones."""


@dataclass(frozen=True)
class Sample:
    """A radius is the distance to the `count`-th nearest of the first `size` vectors."""

    size: int
    count: int


def plan_sample(total: int, *, min_samples: int, k: int) -> Sample:
    """Return a sample that gives lists of about k, and of at least `min_samples`, where possible.

    Of few vectors it is all of them; lists then hold the k nearest.
    """
    k = max(k, min_samples)
    size = min(total, max(SMALLEST_SAMPLE, -(-total * min_samples // k)))
    count = max(min_samples, round(k * size / max(1, total)))
    return Sample(size, min(count, max(0, size - 1)))


def find_radii(
    vectors: npt.NDArray[np.float32], prefilter: Prefilter, rows: Block, *, sample: Sample
) -> npt.NDArray[np.float32]:
    """Return squared radii of a block of rows, float32 (m,): at least `sample.count` lie within."""
    if not sample.count:
        return np.zeros(rows[1] - rows[0], dtype=np.float32)
    picked = prefilter.pick(rows, (0, sample.size), count=sample.count)
    places = np.repeat(np.arange(*rows), sample.count)
    return measure_squared(vectors, places, picked.ravel()).reshape(picked.shape).max(axis=1)


def widen_radii(radii: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return squared radii within which is measured whatever truly lies within `radii`."""
    return radii * np.float32(1 + 2 * MEASURE_SLACK)


def compare_tile(
    vectors: npt.NDArray[np.float32],
    prefilter: Prefilter,
    radii: npt.NDArray[np.float32],
    tile: Tile,
) -> Pairs:
    """Return the pairs of a tile, left < right, that lie within the radius of either.

    `radii` float32 (n,), squared. A little more is kept than that, so that nothing is missing
    because a distance was rounded.
    """
    limits = widen_radii(radii)
    thresholds = 1 - limits.astype(np.float64) * (1 + MEASURE_SLACK) / 2 - PRODUCT_SLACK
    kept = []
    for left, right in prefilter.find_candidates(*tile, thresholds=thresholds):
        squared = measure_squared(vectors, left, right)
        is_near = (squared <= limits[left]) | (squared <= limits[right])
        left, right = left[is_near], right[is_near]
        kept.append(Pairs(left.astype(np.int32), right.astype(np.int32), squared[is_near]))
    return join_pairs(kept)


def find_core_distances(
    vectors: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
    lists: Lists,
    *,
    min_samples: int,
) -> npt.NDArray[np.float64]:
    """Return the core distances of n distinct vectors, float64 (n,).

    `counts` int64 (n,) says how often each vector occurs: its copies are its nearest neighbours,
    at distance 0. As in hdbscan, `min_samples` is at most the number of all others. Raises
    ValueError when a list is too short for it.
    """
    lengths, wanted = np.diff(lists.starts), min(min_samples, int(counts.sum()) - 1)
    if lengths.min(initial=wanted) < min(wanted, len(counts) - 1):
        raise ValueError(f"Lists of {lengths.min()} are too short for min_samples {wanted}.")
    core = np.zeros(len(counts))
    is_open = counts - 1 < wanted
    used = wanted + EXTRA_USED
    while is_open.any():
        waiting = np.flatnonzero(is_open)
        for start, stop in split_rows(0, len(waiting), size=ROWS_AT_ONCE):
            places = waiting[start:stop]
            core[places], is_known = _reach_counts(
                vectors, counts, lists, places, used=used, wanted=wanted
            )
            is_open[places[is_known]] = False
        used *= 4
    return core


def _reach_counts(
    vectors: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
    lists: Lists,
    places: npt.NDArray[np.int64],
    *,
    used: int,
    wanted: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return core distances from the first `used` of each list, and whether those were enough.

    Where the list goes on with distances that rounding cannot tell from the core distance, they
    were not.
    """
    starts, stops = lists.starts[places, None], lists.starts[places + 1, None]
    columns = starts + np.arange(min(used, int((stops - starts).max())))
    is_listed = columns < stops
    columns = np.minimum(columns, stops - 1)
    near = lists.indices[columns]
    distances = np.where(is_listed, lists.distances[columns], np.inf).astype(np.float64)
    heaps = np.where(is_listed, counts[near], 0)
    needed = (wanted - counts[places] + 1)[:, None]
    at = (heaps.cumsum(axis=1) >= needed).argmax(axis=1)[:, None]
    rough = np.take_along_axis(distances, at, axis=1)
    is_close = is_listed & (np.abs(distances - rough) <= rough * MEASURE_SLACK)
    rows, _ = np.nonzero(is_close)
    distances[is_close] = measure_distances(vectors, places[rows], near[is_close])
    order = np.argsort(distances, axis=1, kind="stable")
    at = (np.take_along_axis(heaps, order, axis=1).cumsum(axis=1) >= needed).argmax(axis=1)
    exact = np.take_along_axis(distances, np.take_along_axis(order, at[:, None], axis=1), axis=1)
    is_whole = (stops - starts)[:, 0] <= columns.shape[1]
    return exact[:, 0], is_whole | ~is_close[:, -1]

"""Exact neighbours and core distances, each pair of vectors compared once, tile by tile.

Contract: `vectors` is float32 (n, d), C-contiguous, distinct, in canonical order
(`distinct.find_distinct`), each row of length 1 (within float32's rounding). Distances are
Euclidean, which have the same order as cosine distances. The result of a tile depends only on the
tile, the radii and the vectors, so tiles may be computed anywhere and in any order.

Method: brute force within a radius of each vector, instead of the k nearest neighbours. The k
nearest are known only after all tiles, so each tile would depend on those before it. A radius is
known beforehand and serves both ends of a pair, so tiles are independent.

1. `find_radii`: the radius of a vector is its distance to the c-th nearest vector of a sample. At
   least c vectors lie within it, and k on average if the sample is c / k of all (`plan_sample`).
   The canonical order is as good as random, so the sample is its beginning.
2. `compare_tile`: a `Prefilter` lets through the pairs that may lie within the radius of either
   vector. Their distances are measured, and the pairs within the radius are kept.
3. `find_core_distances`: the core distance of Campello, Moulavi, Sander (PAKDD 2013), counted as in
   hdbscan: the distance to the `min_samples`-th neighbour, not counting the point itself. The lists
   are long enough for that.

Decisions: if a vector has fewer than k others, its list holds all of them. A single vector has an
empty list and the core distance 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.numerics.pairs import Lists, Pairs, join_pairs, measure_distances, measure_squared
from cluster.numerics.products.prefilter import PRODUCT_SLACK, Block, Prefilter, split_rows

DEFAULT_NEIGHBOURS = 36
"""The average length of a list. Longer lists take longer to find, but leave fewer component
edges."""

SMALLEST_SAMPLE = 1024

MEASURE_SLACK = 1e-5
"""The largest relative error of a squared distance that is measured in float32 (d <= 2048)."""

EXTRA_USED = 2
ROWS_AT_ONCE = 8192

Tile = tuple[Block, Block]
"""A block of rows, and the block of columns to compare it with: the same block or a later one."""


@dataclass(frozen=True)
class Sample:
    """The sample for radii, which are distances to the `count`-th nearest of the first `size`."""

    size: int
    count: int


def plan_sample(total: int, *, min_samples: int, k: int) -> Sample:
    """Return a sample that gives lists of about k, and of at least `min_samples`, if possible.

    If there are few vectors, the sample is all of them, and the lists hold the k nearest.
    """
    k = max(k, min_samples)
    size = min(total, max(SMALLEST_SAMPLE, -(-total * min_samples // k)))
    count = max(min_samples, round(k * size / max(1, total)))
    return Sample(size, min(count, max(0, size - 1)))


def find_radii(
    vectors: npt.NDArray[np.float32], prefilter: Prefilter, rows: Block, *, sample: Sample
) -> npt.NDArray[np.float32]:
    """Return the squared radii of a block of rows, float32 (m,).

    At least `sample.count` vectors lie within each radius.
    """
    if not sample.count:
        return np.zeros(rows[1] - rows[0], dtype=np.float32)
    picked = prefilter.pick(rows, (0, sample.size), count=sample.count)
    places = np.repeat(np.arange(*rows), sample.count)
    return measure_squared(vectors, places, picked.ravel()).reshape(picked.shape).max(axis=1)


def widen_radii(radii: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return larger squared radii, so that no pair within `radii` is lost to rounding."""
    return radii * np.float32(1 + 2 * MEASURE_SLACK)


def compare_tile(
    vectors: npt.NDArray[np.float32],
    prefilter: Prefilter,
    radii: npt.NDArray[np.float32],
    tile: Tile,
) -> Pairs:
    """Return the pairs of a tile, left < right, that lie within the radius of either vector.

    `radii` float32 (n,) are squared. They are widened a little, so that no pair is lost to
    rounding.
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

    `counts` int64 (n,) is the number of copies of each vector. The other copies are its nearest
    neighbours, at distance 0. As in hdbscan, `min_samples` is limited to the number of other
    vectors. Raises ValueError if a list is too short.
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
    """Return core distances from the first `used` entries of each list, and a mask of final ones.

    A core distance is not final if the next entries of the list may be equal to it within the
    rounding error.
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

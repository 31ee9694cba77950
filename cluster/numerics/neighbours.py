"""Exact k nearest neighbours and core distances, one block of rows against all vectors.

Contract: `vectors` is float32 (n, d), C-contiguous, each row of length 1 (within float32's
rounding), best the distinct ones (`distinct.find_distinct`). Distances are Euclidean; on such
vectors they order points as cosine distances do. A block's result depends on that block and the
vectors alone, so blocks may be computed anywhere and in any order.

Method: brute force. faiss multiplies blocks of the two matrices and keeps the largest inner
products; distances of those it kept are then computed anew from differences, because
`2 - 2 * product` loses a small distance in rounding. Core distance: Campello, Moulavi, Sander
(PAKDD 2013), as hdbscan counts it: to the `min_samples`-th neighbour, without the point itself.

Decided: fewer than k other vectors give lists of n - 1; one vector gives an
empty list, and its core distance is 0.
"""

from __future__ import annotations

import faiss
import numpy as np
import numpy.typing as npt

DEFAULT_NEIGHBOURS = 32
"""Longer lists cost next to nothing here, and leave less to search later."""

PRODUCT_SLACK = 2e-5
"""By how much a squared distance from float32 products may be wrong (d <= 2048, lengths of 1)."""

EXTRA_CHECKED = 2
ROWS_AT_ONCE = 1024


def find_neighbours(
    vectors: npt.NDArray[np.float32],
    start: int,
    stop: int,
    *,
    k: int = DEFAULT_NEIGHBOURS,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return the k nearest others of rows start to stop - 1, nearest first.

    Indices int32 (m, k) and distances float32 (m, k), ordered by distance, then by index, with
    k at most n - 1. A row is never its own neighbour; its copies are, at distance 0.
    """
    k = min(k, len(vectors) - 1)
    if k <= 0 or stop <= start:
        empty = (max(0, stop - start), max(0, k))
        return np.zeros(empty, dtype=np.int32), np.zeros(empty, dtype=np.float32)
    queries = vectors[start:stop]
    _, found = faiss.knn(queries, vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    others = _drop_self(found, np.arange(start, stop))
    distances = np.sqrt(_squared_distances(queries, vectors, others))
    order = np.lexsort((others, distances), axis=1)
    indices = np.take_along_axis(others, order, axis=1).astype(np.int32)
    return indices, np.take_along_axis(distances, order, axis=1)


def find_reach(distances: npt.NDArray[np.float32], *, count: int) -> npt.NDArray[np.float64]:
    """Return below which distance each list (m, k) is complete, float64 (m,).

    No vector outside a point's list is nearer than this; infinite when the list holds all of the
    `count` vectors but the point.
    """
    if distances.shape[1] >= count - 1:
        return np.full(len(distances), np.inf)
    farthest = distances[:, -1].astype(np.float64)
    return np.sqrt(np.maximum(farthest**2 - 2 * PRODUCT_SLACK, 0))


def find_core_distances(
    vectors: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
    start: int,
    neighbours: tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]],
    *,
    min_samples: int,
) -> npt.NDArray[np.float64]:
    """Return the core distances of a block of distinct vectors from its lists, float64 (m,).

    `counts` int64 (n,) says how often each vector occurs: its copies are its nearest neighbours,
    at distance 0. As in hdbscan, `min_samples` is at most the number of all others. Raises
    ValueError when the lists are too short for it.
    """
    indices, listed = neighbours
    rows = np.arange(start, start + len(indices))
    wanted = min(min_samples, int(counts.sum()) - 1)
    if indices.shape[1] < min(wanted, len(vectors) - 1):
        raise ValueError(f"Lists of {indices.shape[1]} are too short for min_samples {wanted}.")
    core = np.zeros(len(rows))
    is_open = counts[rows] - 1 < wanted
    if not is_open.any():
        return core
    used = min(indices.shape[1], wanted + EXTRA_CHECKED)
    for at in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(at, at + ROWS_AT_ONCE)
        near = indices[part, :used]
        exact = measure_distances(vectors, np.repeat(rows[part], used), near.ravel())
        core[part] = _reach_count(
            exact.reshape(near.shape), counts[near], wanted - counts[rows[part]] + 1
        )
    reach = find_reach(listed, count=len(vectors))
    for row in np.flatnonzero(is_open & (core >= reach)):
        core[row] = _search_core(vectors, counts, rows[row], within=core[row], wanted=wanted)
    core[~is_open] = 0
    return core


def measure_distances(
    vectors: npt.NDArray[np.float32], left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """Return the distances of pairs of rows from their differences in float64, float64 (m,)."""
    found = np.empty(len(left))
    for at in range(0, len(left), ROWS_AT_ONCE):
        part = slice(at, at + ROWS_AT_ONCE)
        gap = vectors[left[part]].astype(np.float64) - vectors[right[part]]
        found[part] = np.sqrt(np.einsum("ij,ij->i", gap, gap))
    return found


def _drop_self(found: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Take each row's own index out of its list of k + 1, or the last where it is not in it."""
    is_self = found == rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return found[~is_self].reshape(len(found), -1)


def _squared_distances(
    queries: npt.NDArray[np.float32],
    vectors: npt.NDArray[np.float32],
    indices: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    queries, indices = np.ascontiguousarray(queries), np.ascontiguousarray(indices)
    found = np.empty(indices.shape, dtype=np.float32)
    rows, k = indices.shape
    arrays = [faiss.swig_ptr(array) for array in (found, queries, vectors, indices)]
    faiss.fvec_L2sqr_by_idx(*arrays, vectors.shape[1], rows, k)  # type: ignore[attr-defined]
    return found


def _reach_count(
    distances: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return for each row the distance within which `wanted` neighbours lie."""
    order = np.argsort(distances, axis=1, kind="stable")
    reached = np.take_along_axis(counts, order, axis=1).cumsum(axis=1) >= wanted[:, None]
    at = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
    return np.take_along_axis(distances, at, axis=1)[:, 0]


def _search_core(
    vectors: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
    row: int,
    *,
    within: float,
    wanted: int,
) -> float:
    """Return one core distance from all vectors that may be as near as `within`, its bound."""
    products = vectors @ vectors[row]
    products[row] = -np.inf
    near = np.flatnonzero(2 - 2 * products <= within**2 + 2 * PRODUCT_SLACK)
    distances = measure_distances(vectors, np.full(len(near), row), near)
    needed = np.array([wanted - counts[row] + 1])
    return float(_reach_count(distances[None], counts[near][None], needed)[0])

"""Pairs of vectors, their distances, and the neighbour lists made from them.

Every distance that a decision depends on is computed from differences, never from products, because
rounding in `2 - 2 * product` destroys small distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MEASURED_AT_ONCE = 1024
"""Pairs per step. Their differences in float64 fit into a processor's cache."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows: `left` and `right`, int32 (e,), and their `squared` distance, float32 (e,)."""

    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    squared: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lists:
    """Neighbour lists: that of row r is at `starts[r]` to `starts[r + 1]` - 1, the nearest first.

    `starts` int64 (n + 1,), `indices` int32 (e,), `distances` float32 (e,). No vector outside the
    list of r is nearer to it than `reach[r]`, float64 (n,).
    """

    starts: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    distances: npt.NDArray[np.float32]
    reach: npt.NDArray[np.float64]


def join_pairs(parts: Sequence[Pairs]) -> Pairs:
    """Concatenate the pairs of all parts."""
    none = np.empty(0, dtype=np.int32)
    parts = [Pairs(none, none, np.empty(0, dtype=np.float32)), *parts]
    return Pairs(
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.squared for part in parts]),
    )


def list_pairs(pairs: Pairs, radii: npt.NDArray[np.float32]) -> Lists:
    """Return the list of each row: all rows within its radius; `radii` float32 (n,), squared.

    A list that contains all other rows has an infinite reach.
    """
    half = len(radii) // 2
    with ThreadPoolExecutor(2) as threads:
        halves = threads.map(
            lambda block: _list_rows(pairs, radii, *block), [(0, half), (half, len(radii))]
        )
        lengths, indices, distances = map(np.concatenate, zip(*halves, strict=True))
    starts = np.concatenate([[0], lengths.cumsum()])
    is_whole = lengths >= len(radii) - 1
    reach = np.where(is_whole, np.inf, np.sqrt(radii.astype(np.float64)))
    return Lists(starts, indices, distances, reach)


def _list_rows(
    pairs: Pairs, radii: npt.NDArray[np.float32], start: int, stop: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return the lengths, the indices and the distances of the lists of a block of rows."""
    parts = []
    for rows, others in ((pairs.left, pairs.right), (pairs.right, pairs.left)):
        mine = np.flatnonzero((rows >= start) & (rows < stop))
        mine = mine[pairs.squared[mine] <= radii[rows[mine]]]
        parts.append((rows[mine] - np.int32(start), others[mine], pairs.squared[mine]))
    rows, indices, squared = map(np.concatenate, zip(*parts, strict=True))
    # The bits of non-negative floats have the order of the floats, and integers sort faster.
    order = np.argsort(rows.astype(np.int64) << 32 | squared.view(np.uint32))
    lengths = np.bincount(rows, minlength=stop - start)
    return lengths, indices[order], np.sqrt(squared[order])


def measure_squared(
    vectors: npt.NDArray[np.float32], left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return the squared distances of pairs of rows from their differences, float32 (e,)."""
    import faiss  # noqa: PLC0415 (only processes that group need it)

    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    found = np.empty(len(left), dtype=np.float32)
    arrays = [faiss.swig_ptr(array) for array in (vectors, left, vectors, right, found)]
    faiss.pairwise_indexed_L2sqr(vectors.shape[1], len(left), *arrays)  # type: ignore[attr-defined]
    return found


def measure_distances(
    vectors: npt.NDArray[np.float32], left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """Return the distances of pairs of rows from their differences in float64, float64 (e,)."""
    found = np.empty(len(left))
    for at in range(0, len(left), MEASURED_AT_ONCE):
        part = slice(at, at + MEASURED_AT_ONCE)
        gap = vectors[left[part]].astype(np.float64) - vectors[right[part]]
        found[part] = np.sqrt(np.einsum("ij,ij->i", gap, gap))
    return found

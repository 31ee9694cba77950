"""Pairs of vectors: how far apart they are, and who is in whose list.

Distances that decide anything are computed from differences, never from products: `2 - 2 * product`
loses a small distance in rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

MEASURED_AT_ONCE = 1024
"""So many differences in float64 stay in a processor's cache."""


@dataclass(frozen=True)
class Pairs:
    """`left` and `right` int32 (e,), two rows each; `squared` float32 (e,), their distance."""

    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    squared: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lists:
    """Who is near whom: row r's list is `starts[r]` to `starts[r + 1]` - 1, the nearest first.

    `starts` int64 (n + 1,), `indices` int32 (e,), `distances` float32 (e,). No vector outside of
    r's list is nearer than `reach[r]`, float64 (n,).
    """

    starts: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    distances: npt.NDArray[np.float32]
    reach: npt.NDArray[np.float64]


def join_pairs(parts: Sequence[Pairs]) -> Pairs:
    """Return all pairs of all parts."""
    none = np.empty(0, dtype=np.int32)
    parts = [Pairs(none, none, np.empty(0, dtype=np.float32)), *parts]
    return Pairs(
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.squared for part in parts]),
    )


def list_pairs(pairs: Pairs, radii: npt.NDArray[np.float32]) -> Lists:
    """Return each row's list of all that lie within its radius; `radii` float32 (n,), squared.

    A list of all other rows is complete, however far they are.
    """
    is_left = pairs.squared <= radii[pairs.left]
    is_right = pairs.squared <= radii[pairs.right]
    rows = np.concatenate([pairs.left[is_left], pairs.right[is_right]])
    indices = np.concatenate([pairs.right[is_left], pairs.left[is_right]])
    squared = np.concatenate([pairs.squared[is_left], pairs.squared[is_right]])
    # Of floats that are not negative, the bits are in the same order; sorting integers is fast.
    order = np.argsort(rows.astype(np.int64) << 32 | squared.view(np.uint32))
    starts = np.concatenate([[0], np.bincount(rows, minlength=len(radii)).cumsum()])
    is_whole = np.diff(starts) >= len(radii) - 1
    reach = np.where(is_whole, np.inf, np.sqrt(radii.astype(np.float64)))
    return Lists(starts, indices[order], np.sqrt(squared[order]), reach)


def measure_squared(
    vectors: npt.NDArray[np.float32], left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return the squared distances of pairs of rows from their differences, float32 (e,)."""
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

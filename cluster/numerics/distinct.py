"""Vectors in an order of their own, each once: why groups do not depend on the input order.

Everything else in `neighbours` and `spanning_tree` works on the distinct vectors, ordered by a hash
of their bytes. The same vectors, handed over in any order, are therefore the same input, and every
tie (equal distances, equal edges) is broken the same way. Copies of a vector are one vector with a
count: they never crowd a neighbour list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DIGEST_BYTES = 16


@dataclass(frozen=True)
class DistinctVectors:
    """The m distinct vectors among n, in canonical order.

    `vectors` float32 (m, d), C-contiguous; `counts` int64 (m,), how often each occurs, summing to
    n; `places` int64 (n,), for each vector of the input its row here.
    """

    vectors: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


def find_distinct(vectors: npt.NDArray[np.float32]) -> DistinctVectors:
    """Return the distinct rows of `vectors` (n, d) in canonical order.

    Raises ValueError for anything that is not float32 (n, d), or holds NaN or infinity.
    """
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise ValueError(f"Vectors are float32 (n, d), not {vectors.dtype} {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise ValueError("Vectors must be finite.")
    rows = np.ascontiguousarray(vectors) + np.float32(0)  # -0.0 is 0.0
    high, low = _hash_rows(rows)
    order = np.lexsort((low, high))
    is_new = np.ones(len(rows), dtype=bool)
    is_new[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    places = np.empty(len(rows), dtype=np.int64)
    places[order] = np.cumsum(is_new) - 1
    return DistinctVectors(rows[order[is_new]], np.bincount(places), places)


def _hash_rows(
    rows: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return the two halves of each row's digest, uint64 (n,)."""
    digests = b"".join(hashlib.blake2b(row, digest_size=DIGEST_BYTES).digest() for row in rows)
    halves = np.frombuffer(digests, dtype="<u8").reshape(-1, 2)
    return halves[:, 0], halves[:, 1]

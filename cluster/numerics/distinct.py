"""Distinct vectors in canonical order, so that groups do not depend on the input order.

`neighbours` and `spanning_tree` work on the distinct vectors, ordered by a hash of their bytes.
Therefore the same vectors in any order are the same input, and every tie (equal distances, equal
edges) is broken in the same way. Copies of a vector become one vector with a count, so they never
fill a neighbour list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DIGEST_BYTES = 16
ROWS_AT_ONCE = 1024
MINUS_ZERO_AWAY = np.float32(0)
"""Adding it turns -0.0 into 0.0, which is equal but has other bytes."""


@dataclass(frozen=True)
class DistinctVectors:
    """The m distinct vectors among n, in canonical order.

    `vectors` float32 (m, d), C-contiguous; `counts` int64 (m,), the number of copies of each, with
    the sum n; `places` int64 (n,), the row in `vectors` of each vector of the input.
    """

    vectors: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


def find_distinct(vectors: npt.NDArray[np.float32]) -> DistinctVectors:
    """Return the distinct rows of `vectors` (n, d) in canonical order.

    Raises ValueError if `vectors` is not float32 (n, d), or contains NaN or infinity.
    """
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise ValueError(f"Vectors are float32 (n, d), not {vectors.dtype} {vectors.shape}.")
    high, low = _hash_rows(vectors)
    order = np.lexsort((low, high))
    is_new = np.ones(len(vectors), dtype=bool)
    is_new[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    places = np.empty(len(vectors), dtype=np.int64)
    places[order] = np.cumsum(is_new) - 1
    rows = vectors[order[is_new]]
    rows += MINUS_ZERO_AWAY
    return DistinctVectors(rows, np.bincount(places), places)


def _hash_rows(
    vectors: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return the high and the low half of each row's digest, uint64 (n,) each."""
    digests = bytearray()
    for at in range(0, len(vectors), ROWS_AT_ONCE):
        rows = np.ascontiguousarray(vectors[at : at + ROWS_AT_ONCE]) + MINUS_ZERO_AWAY
        if not np.isfinite(rows).all():
            raise ValueError("Vectors must be finite.")
        for row in rows:
            digests += hashlib.blake2b(row, digest_size=DIGEST_BYTES).digest()
    halves = np.frombuffer(digests, dtype="<u8").reshape(-1, 2)
    return halves[:, 0], halves[:, 1]

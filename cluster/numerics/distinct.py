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
    _, first, places, counts = np.unique(
        _hash_rows(rows), return_index=True, return_inverse=True, return_counts=True
    )
    return DistinctVectors(rows[first], counts.astype(np.int64), places.astype(np.int64))


def _hash_rows(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.void]:
    digests = b"".join(hashlib.blake2b(row, digest_size=DIGEST_BYTES).digest() for row in rows)
    return np.frombuffer(digests, dtype=[("high", ">u8"), ("low", ">u8")])

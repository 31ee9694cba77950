"""Which pairs of vectors may be near: all of them are let through, and few others.

Nearly all the time of clustering goes into inner products of vectors of which nothing is wanted
but to know that they are too far apart. A `Prefilter` may therefore compute them in a coarse and
fast way, as long as it knows by how much it may be wrong: what it lets through is measured exactly
(`pairs.measure_squared`), what it holds back is proven not to matter. `FloatPrefilter` is the plain
one; `integer_products.py` has one of 8-bit integers, several times faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Block = tuple[int, int]
"""Rows start to stop - 1."""

Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Pairs: the row of each, and its column, both as places among all vectors."""

PRODUCT_SLACK = 2e-5
"""By how much a product in float32, or 1 - squared distance / 2, may be wrong: d up to 2048,
lengths of 1 within float32's rounding."""

SUBTILE = 1024


class Prefilter(Protocol):
    """n vectors of length 1, made ready to be compared block against block; safe in threads."""

    def find_candidates(
        self,
        rows: Block,
        columns: Block,
        *,
        thresholds: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None = None,
    ) -> Iterator[Found]:
        """Yield, subtile by subtile, the pairs, row < column, whose product reaches a threshold.

        The threshold of the row or of the column counts; few other pairs are among them.
        `thresholds` float64 (n,); `groups` int64 (n,), in rising order: pairs of one group are left
        out.
        """
        ...

    def pick(self, rows: Block, columns: Block, *, count: int) -> npt.NDArray[np.int64]:
        """Return `count` columns for each row, int64 (m, count), likely to be its nearest.

        They are different from each other, and none is the row itself. There must be so many.
        """
        ...


@dataclass(frozen=True)
class FloatPrefilter:
    """Products in float32: right for any machine, and for a few thousand vectors fast enough."""

    vectors: npt.NDArray[np.float32]

    def find_candidates(
        self,
        rows: Block,
        columns: Block,
        *,
        thresholds: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None = None,
    ) -> Iterator[Found]:
        """Give, subtile by subtile, every pair, row < column, whose product reaches a threshold."""
        lowered = (thresholds - PRODUCT_SLACK).astype(np.float32)
        for one in split_rows(*columns, size=SUBTILE):
            for other in split_rows(*rows, size=SUBTILE):
                row, column = slice(*other), slice(*one)
                products = self.vectors[row] @ self.vectors[column].T
                is_near = products >= lowered[row, None]
                is_near |= products >= lowered[column]
                if groups is not None:
                    is_near &= groups[row, None] != groups[column]
                near, far = np.nonzero(is_near)
                near, far = near + other[0], far + one[0]
                is_new = near < far
                yield near[is_new], far[is_new]

    def pick(self, rows: Block, columns: Block, *, count: int) -> npt.NDArray[np.int64]:
        """Return `count` columns for each row, int64 (m, count), likely to be its nearest."""
        parts = [np.empty((0, count), dtype=np.int64)]
        for start, stop in split_rows(*rows, size=SUBTILE):
            products = self.vectors[start:stop] @ self.vectors[slice(*columns)].T
            own = np.arange(max(start, columns[0]), min(stop, columns[1]))
            products[own - start, own - columns[0]] = -np.inf
            first = products.shape[1] - count
            parts.append(np.argpartition(products, max(0, first - 1), axis=1)[:, first:])
        return np.concatenate(parts) + columns[0]


def split_rows(start: int, stop: int, *, size: int) -> list[Block]:
    """Return blocks of at most `size` rows that make up rows start to stop - 1."""
    return [(at, min(at + size, stop)) for at in range(start, stop, size)]

"""Prefilters let through every pair of vectors that may be near, and few others.

Clustering spends nearly all its time on inner products of vectors that turn out to be too far
apart. A `Prefilter` may compute these products roughly and fast, as long as it knows the bound of
its error. The pairs that it lets through are measured exactly (`pairs.measure_squared`); the others
are proven not to matter. `FloatPrefilter` computes in float32. The prefilter of
`integer_products.py` computes in 8-bit integers and is several times faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Block = tuple[int, int]
"""A start and a stop: the rows, or columns, from start to stop - 1."""

Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Pairs: the row and the column of each, as places among all vectors."""

PRODUCT_SLACK = 2e-5
"""The largest error of a product in float32, and of 1 - squared distance / 2 (d <= 2048, lengths
of 1 within float32's rounding)."""

SUBTILE = 1024


class Prefilter(Protocol):
    """Compares n vectors of length 1, block against block. It may be used by several threads."""

    def find_candidates(
        self,
        rows: Block,
        columns: Block,
        *,
        thresholds: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None = None,
    ) -> Iterator[Found]:
        """Yield, subtile by subtile, each pair, row < column, whose product reaches a threshold.

        `thresholds` float64 (n,): a pair is yielded if its product reaches the threshold of its row
        or of its column. A few other pairs are yielded too. `groups` int64 (n,), in rising order:
        pairs within one group are left out.
        """
        ...

    def pick(self, rows: Block, columns: Block, *, count: int) -> npt.NDArray[np.int64]:
        """Return `count` columns for each row, int64 (m, count), likely to be its nearest.

        The columns of a row differ from each other and from the row itself. There must be at least
        `count` of them.
        """
        ...


MakePrefilter = Callable[[npt.NDArray[np.float32], npt.NDArray[np.int64] | None], Prefilter]
"""Makes a prefilter of the vectors at the given places, in that order. None means all vectors."""


@dataclass(frozen=True)
class FloatPrefilter:
    """Products in float32: correct on any machine, and fast enough for a few thousand vectors."""

    vectors: npt.NDArray[np.float32]

    def find_candidates(
        self,
        rows: Block,
        columns: Block,
        *,
        thresholds: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int64] | None = None,
    ) -> Iterator[Found]:
        """Yield, subtile by subtile, each pair, row < column, whose product reaches a threshold."""
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


def float_prefilter(
    vectors: npt.NDArray[np.float32], places: npt.NDArray[np.int64] | None
) -> FloatPrefilter:
    """Return a prefilter in float32 of the vectors at `places`, in that order, or of all."""
    return FloatPrefilter(vectors if places is None else vectors[places])


def split_rows(start: int, stop: int, *, size: int) -> list[Block]:
    """Split the rows start to stop - 1 into blocks of at most `size` rows."""
    return [(at, min(at + size, stop)) for at in range(start, stop, size)]

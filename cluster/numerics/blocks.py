"""The spanning tree of all vectors, block by block, wherever blocks are computed.

Two kinds of work come in blocks that know nothing of each other: `near_block` (neighbours and core
distances; nearly all the time) and `search_block` (edges between components). `Workers` says where
they are computed: `LocalWorkers` here, one after the other; others may hand them to processes,
and stop, wait or count between two results. The tree is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from cluster.numerics.distinct import DistinctVectors
from cluster.numerics.narrowing import find_heaviest, keep_points, list_crossings
from cluster.numerics.neighbours import (
    DEFAULT_NEIGHBOURS,
    find_core_distances,
    find_neighbours,
    find_reach,
)
from cluster.numerics.spanning_tree import (
    Crossings,
    Grouping,
    SpanningTree,
    finish_tree,
    join_lists,
    merge_crossings,
    search_block,
)

Result = TypeVar("Result")
Block = tuple[int, int]
"""Rows start to stop - 1."""


@dataclass(frozen=True)
class NearBlock:
    """Of m rows: `indices` int32 (m, k), `distances` float32 (m, k), `core` float64 (m,)."""

    indices: npt.NDArray[np.int32]
    distances: npt.NDArray[np.float32]
    core: npt.NDArray[np.float64]


class Workers(Protocol):
    """Computes blocks, anywhere; gives the results in the order of the blocks."""

    def map_near(self, blocks: Sequence[Block]) -> Iterable[NearBlock]:
        """Give `near_block` of each block."""

    def map_search(
        self, blocks: Sequence[Block], *, core: npt.NDArray[np.float64], grouping: Grouping
    ) -> Iterable[Crossings]:
        """Give `search_block` of each block."""


@dataclass(frozen=True)
class LocalWorkers:
    """Computes blocks in this process, one when the next is asked for."""

    distinct: DistinctVectors
    min_samples: int
    k: int = DEFAULT_NEIGHBOURS

    def map_near(self, blocks: Sequence[Block]) -> Iterator[NearBlock]:
        """Give `near_block` of each block."""
        for block in blocks:
            vectors, counts = self.distinct.vectors, self.distinct.counts
            yield near_block(vectors, counts, block, min_samples=self.min_samples, k=self.k)

    def map_search(
        self, blocks: Sequence[Block], *, core: npt.NDArray[np.float64], grouping: Grouping
    ) -> Iterator[Crossings]:
        """Give `search_block` of each block."""
        for start, stop in blocks:
            yield search_block(self.distinct.vectors, core, grouping, start, stop)


def split_rows(count: int, *, size: int) -> list[Block]:
    """Return blocks of at most `size` rows that make up `count`."""
    return [(at, min(at + size, count)) for at in range(0, count, size)]


def near_block(
    vectors: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
    block: Block,
    *,
    min_samples: int,
    k: int = DEFAULT_NEIGHBOURS,
) -> NearBlock:
    """Return lists (at least `min_samples` long) and core distances of one block of rows."""
    found = find_neighbours(vectors, *block, k=max(k, min_samples))
    core = find_core_distances(vectors, counts, block[0], found, min_samples=min_samples)
    return NearBlock(*found, core)


def span_vectors(
    vectors: npt.NDArray[np.float32],
    workers: Workers,
    *,
    block_size: int = 4096,
    on_progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> tuple[npt.NDArray[np.float64], SpanningTree]:
    """Return the core distances, float64 (m,), and the spanning tree of m distinct vectors.

    `on_progress(step, done, total)` is called after each block with the step, "neighbours" and then
    "spanning_tree" (not if the lists were enough), and the rows done of those to be done in it.
    Without a vector, or with one, the tree is empty.
    """
    count = len(vectors)
    blocks = split_rows(count, size=block_size)
    near = list(_count_rows(workers.map_near(blocks), blocks, "neighbours", on_progress))
    core = np.concatenate([np.empty(0), *(block.core for block in near)])
    if count < 2:
        return core, SpanningTree(np.empty((0, 2), dtype=np.int64), np.empty(0))
    indices = np.concatenate([block.indices for block in near])
    distances = np.concatenate([block.distances for block in near])
    del near
    lists, reach = (indices, distances), find_reach(distances, count=count)
    forest, grouping = join_lists(core, lists, reach)
    bounds = np.maximum(core, reach)
    is_open = bounds <= find_heaviest(vectors, core, bounds, grouping)
    listed = list_crossings(core, lists, grouping, np.flatnonzero(~is_open))
    searched = keep_points(grouping, np.flatnonzero(is_open))
    blocks = split_rows(len(searched.order), size=block_size) if grouping.count > 1 else []
    found = workers.map_search(blocks, core=core, grouping=searched)
    counted = _count_rows(found, blocks, "spanning_tree", on_progress)
    crossings = merge_crossings([listed, *counted], grouping.count)
    tree = finish_tree(vectors, core, forest=forest, grouping=grouping, crossings=crossings)
    return core, tree


def _count_rows(
    results: Iterable[Result],
    blocks: Sequence[Block],
    step: str,
    on_progress: Callable[[str, int, int], None],
) -> Iterator[Result]:
    for (_, stop), result in zip(blocks, results, strict=True):
        on_progress(step, stop, blocks[-1][1])
        yield result

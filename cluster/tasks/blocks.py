"""Blocks of clustering as Ray tasks: the vectors are put once, each lost worker costs one block.

The object store holds the vectors as float32; workers on the same node read them without a copy.
At most `in_flight` blocks are out at a time, so that memory beyond the vectors and the neighbour
lists is bounded by the size of a block.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from cluster.numerics.blocks import Block, NearBlock, near_block
from cluster.numerics.distinct import DistinctVectors
from cluster.numerics.spanning_tree import Crossings, Grouping, search_block

MANY_BLOCKS = 100
"""So many blocks, so many values of the count, at least."""

SMALLEST_BLOCK, LARGEST_BLOCK = 256, 1024
"""Below 256 queries faiss takes a path that is six times slower. A block of 1,024 rows against
100,000 takes a core about a second: soon enough to stop."""

MAX_RETRIES = 3


class RayWorkers:
    """Computes blocks as Ray tasks and gives their results in order."""

    def __init__(
        self, distinct: DistinctVectors, *, min_samples: int, k: int, in_flight: int, name: str
    ) -> None:
        self._vectors = ray.put(distinct.vectors)
        self._counts = ray.put(distinct.counts)
        self._min_samples, self._k = min_samples, k
        self._in_flight, self._name = in_flight, name

    def map_near(self, blocks: Sequence[Block]) -> Iterator[NearBlock]:
        """Give `near_block` of each block."""

        def start(number: int, block: Block) -> ray.ObjectRef:
            named = compute_near.options(name=f"{self._name} block {number}/{len(blocks)}")
            return named.remote(self._vectors, self._counts, block, self._min_samples, self._k)

        return self._map(start, blocks)

    def map_search(
        self, blocks: Sequence[Block], *, core: npt.NDArray[np.float64], grouping: Grouping
    ) -> Iterator[Crossings]:
        """Give `search_block` of each block."""
        core_put, grouping_put = ray.put(core), ray.put(grouping)

        def start(number: int, block: Block) -> ray.ObjectRef:
            named = compute_search.options(name=f"{self._name} search {number}/{len(blocks)}")
            return named.remote(self._vectors, core_put, grouping_put, block)

        return self._map(start, blocks)

    def _map(
        self, start: Callable[[int, Block], ray.ObjectRef], blocks: Sequence[Block]
    ) -> Iterator[Any]:
        coming = enumerate(blocks, start=1)
        waiting = deque(start(*one) for one in itertools.islice(coming, self._in_flight))
        while waiting:
            result = ray.get(waiting.popleft())
            waiting.extend(start(*one) for one in itertools.islice(coming, 1))
            yield result


@ray.remote(num_cpus=1, max_retries=MAX_RETRIES)
def compute_near(
    vectors: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
    block: Block,
    min_samples: int,
    k: int,
) -> NearBlock:
    """Return neighbour lists and core distances of one block of rows."""
    return near_block(vectors, counts, block, min_samples=min_samples, k=k)


@ray.remote(num_cpus=1, max_retries=MAX_RETRIES)
def compute_search(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    grouping: Grouping,
    block: Block,
) -> Crossings:
    """Return the shortest edges from one block of rows to other components."""
    return search_block(vectors, core, grouping, *block)


def choose_block_size(count: int) -> int:
    """Return rows per block: enough blocks to see progress, none too long to wait for."""
    return min(LARGEST_BLOCK, max(SMALLEST_BLOCK, count // MANY_BLOCKS))

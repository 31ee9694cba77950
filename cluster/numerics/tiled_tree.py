"""The spanning tree of all vectors, square by square, wherever squares are computed.

Three kinds of work come in pieces that know nothing of each other: `find_radii`, `compare_square`
(who is near whom; nearly all the time) and `search_square` (edges between components). `Workers`
says where they are computed: `LocalWorkers` here; others may hand them to processes, and stop, wait
or count between two results. The tree is the same.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from cluster.numerics.component_edges import (
    Search,
    connect_components,
    find_limits,
    plan_search,
    search_square,
)
from cluster.numerics.distinct import DistinctVectors
from cluster.numerics.edges import Edges, join_edges, weigh_pairs
from cluster.numerics.neighbours import (
    DEFAULT_NEIGHBOURS,
    Sample,
    Square,
    compare_square,
    find_core_distances,
    find_radii,
    plan_sample,
)
from cluster.numerics.pairs import Pairs, join_pairs, list_pairs
from cluster.numerics.products.prefilter import Block, FloatSieve, Sieve, split_rows
from cluster.numerics.spanning_tree import SpanningTree, finish_tree, join_lists, thin_edges

Work = TypeVar("Work")
Result = TypeVar("Result")

MakeSieve = Callable[[npt.NDArray[np.float32], npt.NDArray[np.int64] | None], Sieve]
"""Vectors, and which of them in which order (None: all, as they are), made ready to compare."""

OnProgress = Callable[[str, int, int], None]

PARTS = 1000
LISTED, CORES_FOUND, CONNECTED = 100, 200, 400
"""What of the spanning tree's count is reached when; the rest is the search."""


class Workers(Protocol):
    """Computes pieces of work, anywhere; gives the results in the order of the pieces."""

    def map_radii(
        self, blocks: Sequence[Block], *, sample: Sample
    ) -> Iterable[npt.NDArray[np.float32]]:
        """Give `find_radii` of each block."""
        ...

    def map_near(
        self, squares: Sequence[Square], *, radii: npt.NDArray[np.float32]
    ) -> Iterable[Pairs]:
        """Give `compare_square` of each square."""
        ...

    def map_search(self, squares: Sequence[Square], *, search: Search) -> Iterable[Edges]:
        """Give `search_square` of each square."""
        ...


def float_sieve(
    vectors: npt.NDArray[np.float32], places: npt.NDArray[np.int64] | None
) -> FloatSieve:
    """Return a plain sieve."""
    return FloatSieve(vectors if places is None else vectors[places])


@dataclass(frozen=True)
class LocalWorkers:
    """Computes in `threads` threads of this process, a piece or two ahead of what is asked for."""

    vectors: npt.NDArray[np.float32]
    make_sieve: MakeSieve = float_sieve
    threads: int = 1

    @cached_property
    def sieve(self) -> Sieve:
        """All vectors, ready to be compared."""
        return self.make_sieve(self.vectors, None)

    def map_radii(
        self, blocks: Sequence[Block], *, sample: Sample
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Give `find_radii` of each block."""

        def compute(block: Block) -> npt.NDArray[np.float32]:
            return find_radii(self.vectors, self.sieve, block, sample=sample)

        return self._map(compute, blocks)

    def map_near(
        self, squares: Sequence[Square], *, radii: npt.NDArray[np.float32]
    ) -> Iterator[Pairs]:
        """Give `compare_square` of each square."""

        def compute(square: Square) -> Pairs:
            return compare_square(self.vectors, self.sieve, radii, square)

        return self._map(compute, squares)

    def map_search(self, squares: Sequence[Square], *, search: Search) -> Iterator[Edges]:
        """Give `search_square` of each square."""
        sieve = self.make_sieve(self.vectors, search.points)

        def compute(square: Square) -> Edges:
            return search_square(self.vectors, sieve, search, square)

        return self._map(compute, squares)

    def _map(self, compute: Callable[[Work], Result], pieces: Sequence[Work]) -> Iterator[Result]:
        with ThreadPoolExecutor(self.threads) as threads:
            coming = iter(pieces)
            ahead = itertools.islice(coming, 2 * self.threads)
            waiting = deque(threads.submit(compute, piece) for piece in ahead)
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(
                    threads.submit(compute, piece) for piece in itertools.islice(coming, 1)
                )
                yield result


def split_squares(count: int, *, size: int) -> list[Square]:
    """Return squares of at most `size` rows and columns in which each pair of `count` is once."""
    blocks = split_rows(0, count, size=size)
    return [(rows, columns) for rows in blocks for columns in blocks if rows <= columns]


def span_vectors(
    distinct: DistinctVectors,
    workers: Workers,
    *,
    min_samples: int,
    k: int = DEFAULT_NEIGHBOURS,
    block_size: int = 4096,
    on_progress: OnProgress = lambda step, done, total: None,
) -> tuple[npt.NDArray[np.float64], SpanningTree]:
    """Return the core distances, float64 (m,), and the spanning tree of m distinct vectors.

    `on_progress(step, done, total)` is called after each piece with the step, "neighbours" and then
    "spanning_tree", and how much of it is done; a step's total stays what it is. Without a vector,
    or with one, the tree is empty.
    """
    vectors = distinct.vectors
    sample = plan_sample(len(vectors), min_samples=min_samples, k=k)
    pairs, radii = _find_near(vectors, workers, sample, block_size, on_progress)
    count = _Count("spanning_tree", PARTS, on_progress)
    lists = list_pairs(pairs, radii)
    count.reach(LISTED)
    core = find_core_distances(vectors, distinct.counts, lists, min_samples=min_samples)
    bounds = np.maximum(core, lists.reach)
    del lists
    count.reach(CORES_FOUND)
    edges = weigh_pairs(pairs, core)
    del pairs
    listed, component, left = join_lists(edges, bounds, on_round=count.advance)
    del edges
    known = connect_components(vectors, core, component, left)
    del left
    count.reach(CONNECTED)
    search = plan_search(component, core, bounds, find_limits(known, component, bounds))
    squares = split_squares(len(search.points), size=block_size)
    squares = [square for square in squares if search.is_needed(square)]
    found = count.follow(workers.map_search(squares, search=search), _shares(squares))
    crossing = thin_edges(join_edges([known, *found]), component)
    tree = finish_tree(vectors, core, join_edges([listed, crossing]))
    count.reach(PARTS)
    return core, tree


def _find_near(
    vectors: npt.NDArray[np.float32],
    workers: Workers,
    sample: Sample,
    block_size: int,
    on_progress: OnProgress,
) -> tuple[Pairs, npt.NDArray[np.float32]]:
    """Return the pairs within the radius of either end, and the squared radii."""
    blocks = split_rows(0, len(vectors), size=block_size)
    squares = split_squares(len(vectors), size=block_size)
    costs = [(stop - start) * sample.size for start, stop in blocks]
    count = _Count("neighbours", sum(costs) + sum(map(_cost, squares)), on_progress)
    radii = np.concatenate(
        [
            np.empty(0, dtype=np.float32),
            *count.follow(workers.map_radii(blocks, sample=sample), costs),
        ]
    )
    found = count.follow(workers.map_near(squares, radii=radii), map(_cost, squares))
    return join_pairs(list(found)), radii


@dataclass
class _Count:
    """Tells how much of a step is done."""

    step: str
    total: int
    on_progress: OnProgress
    done: int = 0

    def advance(self, by: int = 1) -> None:
        """Count a piece."""
        self.done += by
        self.on_progress(self.step, self.done, self.total)

    def reach(self, done: int) -> None:
        """Count whatever is missing to `done`."""
        self.advance(max(0, done - self.done))

    def follow(self, results: Iterable[Result], costs: Iterable[int]) -> Iterator[Result]:
        """Give the results, counting each when it is asked for."""
        for result, cost in zip(results, costs, strict=True):
            self.advance(cost)
            yield result


def _cost(square: Square) -> int:
    """Return how many pairs there are to compare."""
    (first, last), (left, right) = square
    return (last - first) * (right - left)


def _shares(squares: Sequence[Square]) -> list[int]:
    """Return each square's part in the search, of the PARTS of the spanning tree."""
    done = np.cumsum([0, *map(_cost, squares)])
    return np.diff(done * (PARTS - CONNECTED) // max(1, int(done[-1]))).tolist()

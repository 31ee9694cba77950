"""The spanning tree of all vectors, computed tile by tile.

Three kinds of work consist of independent pieces: `find_radii`, `compare_tile` (the pairs that are
near; nearly all of the time) and `search_tile` (component edges). A `Workers` object computes the
pieces. `LocalWorkers` uses threads of this process; other classes may use other processes, and may
stop, wait or count between two results. The tree is the same in each case.
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
    search_tile,
)
from cluster.numerics.distinct import DistinctVectors
from cluster.numerics.edges import Edges, join_edges, weigh_pairs
from cluster.numerics.neighbours import (
    DEFAULT_NEIGHBOURS,
    Sample,
    Tile,
    compare_tile,
    find_core_distances,
    find_radii,
    plan_sample,
)
from cluster.numerics.pairs import Pairs, join_pairs, list_pairs
from cluster.numerics.products.prefilter import (
    Block,
    MakePrefilter,
    Prefilter,
    float_prefilter,
    split_rows,
)
from cluster.numerics.spanning_tree import SpanningTree, finish_tree, join_lists, thin_edges

Work = TypeVar("Work")
Result = TypeVar("Result")


OnProgress = Callable[[str, int, int], None]
"""A callback with the step, its finished part, and its total."""

PARTS = 1000
LISTED, CORES_FOUND, CONNECTED = 100, 200, 400
"""The counts of the step "spanning_tree", out of PARTS, after each of its parts.

The search for component edges moves the count from CONNECTED to PARTS.
"""


class Workers(Protocol):
    """Computes pieces of work in threads or processes; results have the order of the pieces."""

    def map_radii(
        self, blocks: Sequence[Block], *, sample: Sample
    ) -> Iterable[npt.NDArray[np.float32]]:
        """Yield the result of `find_radii` for each block."""
        ...

    def map_near(self, tiles: Sequence[Tile], *, radii: npt.NDArray[np.float32]) -> Iterable[Pairs]:
        """Yield the result of `compare_tile` for each tile."""
        ...

    def map_search(self, tiles: Sequence[Tile], *, search: Search) -> Iterable[Edges]:
        """Yield the result of `search_tile` for each tile."""
        ...


@dataclass(frozen=True)
class LocalWorkers:
    """Computes in `threads` threads of this process, up to two pieces per thread ahead."""

    vectors: npt.NDArray[np.float32]
    make_prefilter: MakePrefilter = float_prefilter
    threads: int = 1

    @cached_property
    def prefilter(self) -> Prefilter:
        """The prefilter of all vectors, made when it is first needed."""
        return self.make_prefilter(self.vectors, None)

    def map_radii(
        self, blocks: Sequence[Block], *, sample: Sample
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the result of `find_radii` for each block."""

        def compute(block: Block) -> npt.NDArray[np.float32]:
            return find_radii(self.vectors, self.prefilter, block, sample=sample)

        return self._map(compute, blocks)

    def map_near(self, tiles: Sequence[Tile], *, radii: npt.NDArray[np.float32]) -> Iterator[Pairs]:
        """Yield the result of `compare_tile` for each tile."""

        def compute(tile: Tile) -> Pairs:
            return compare_tile(self.vectors, self.prefilter, radii, tile)

        return self._map(compute, tiles)

    def map_search(self, tiles: Sequence[Tile], *, search: Search) -> Iterator[Edges]:
        """Yield the result of `search_tile` for each tile."""
        prefilter = self.make_prefilter(self.vectors, search.points)

        def compute(tile: Tile) -> Edges:
            return search_tile(self.vectors, prefilter, search, tile)

        return self._map(compute, tiles)

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


def split_tiles(count: int, *, size: int) -> list[Tile]:
    """Return tiles with sides of at most `size` that contain each pair of `count` rows once."""
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

    `on_progress(step, done, total)` is called after each piece. The step is "neighbours" and then
    "spanning_tree"; the total of a step is constant. With fewer than two vectors the tree is empty.
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
    tiles = split_tiles(len(search.points), size=block_size)
    tiles = [tile for tile in tiles if search.is_needed(tile)]
    found = count.follow(workers.map_search(tiles, search=search), _shares(tiles))
    between = thin_edges(join_edges([known, *found]), component)
    tree = finish_tree(vectors, core, join_edges([listed, between]))
    count.reach(PARTS)
    return core, tree


def _find_near(
    vectors: npt.NDArray[np.float32],
    workers: Workers,
    sample: Sample,
    block_size: int,
    on_progress: OnProgress,
) -> tuple[Pairs, npt.NDArray[np.float32]]:
    """Return the pairs within the radius of either end, and the squared radii, float32 (n,)."""
    blocks = split_rows(0, len(vectors), size=block_size)
    tiles = split_tiles(len(vectors), size=block_size)
    costs = [(stop - start) * sample.size for start, stop in blocks]
    count = _Count("neighbours", sum(costs) + sum(map(_cost, tiles)), on_progress)
    radii = np.concatenate(
        [
            np.empty(0, dtype=np.float32),
            *count.follow(workers.map_radii(blocks, sample=sample), costs),
        ]
    )
    found = count.follow(workers.map_near(tiles, radii=radii), map(_cost, tiles))
    return join_pairs(list(found)), radii


@dataclass
class _Count:
    """Reports how much of a step is done."""

    step: str
    total: int
    on_progress: OnProgress
    done: int = 0

    def advance(self, by: int = 1) -> None:
        """Add `by` to the count and report it."""
        self.done += by
        self.on_progress(self.step, self.done, self.total)

    def reach(self, done: int) -> None:
        """Raise the count to `done`, unless it is higher already, and report it."""
        self.advance(max(0, done - self.done))

    def follow(self, results: Iterable[Result], costs: Iterable[int]) -> Iterator[Result]:
        """Yield the results; each adds its cost to the count."""
        for result, cost in zip(results, costs, strict=True):
            self.advance(cost)
            yield result


def _cost(tile: Tile) -> int:
    """Return the number of pairs that the tile compares."""
    (first, last), (left, right) = tile
    return (last - first) * (right - left)


def _shares(tiles: Sequence[Tile]) -> list[int]:
    """Return each tile's share of the count from CONNECTED to PARTS."""
    done = np.cumsum([0, *map(_cost, tiles)])
    return np.diff(done * (PARTS - CONNECTED) // max(1, int(done[-1]))).tolist()

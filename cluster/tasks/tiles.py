"""Tiles of clustering as Ray tasks: the vectors are put once, a lost worker costs one tile.

The object store holds the vectors as float32, and beside them what a prefilter makes of them (as
bytes: half as much again); workers on the same node read both without a copy. At most `in_flight`
tiles are in flight, so that memory beyond the vectors and the pairs that were found is bounded by
the size of a tile.

Where the Ray cluster has GPUs and ONNX Runtime has CUDA, tiles ask Ray for a share of a GPU and
are compared there. The answers are the same: a prefilter only says what is to be measured.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import ray

from cluster.inference import pick_provider
from cluster.numerics.component_edges import Search, search_tile
from cluster.numerics.edges import Edges
from cluster.numerics.neighbours import Sample, Tile, compare_tile, find_radii
from cluster.numerics.pairs import Pairs
from cluster.numerics.products.gpu_products import gpu_prefilter
from cluster.numerics.products.integer_products import PANEL, integer_prefilter
from cluster.numerics.products.prefilter import Block, Prefilter
from cluster.numerics.tiled_tree import MakePrefilter
from cluster.priority import work_in_background

Work = TypeVar("Work")

SQUARES_ACROSS = 14
"""So many in a row, so 105 in all, and as many values of the count at least."""

SMALLEST_SQUARE, LARGEST_SQUARE = PANEL, 8 * PANEL
"""A tile of 4,096 takes a core 50 ms: soon enough to stop."""

GPU_SQUARE = 32 * PANEL
GPU_SHARE = 0.5
MAX_RETRIES = 3


@dataclass(frozen=True)
class Place:
    """Where tiles are computed: how they are compared, their sides, and what Ray sets aside."""

    make_prefilter: MakePrefilter
    smallest: int
    largest: int
    options: dict[str, float] = field(default_factory=dict)

    def choose_side(self, count: int) -> int:
        """Return rows per tile: enough tiles to see progress, none too long to wait for."""
        wanted = -(-count // (SQUARES_ACROSS * self.smallest)) * self.smallest
        return min(self.largest, max(self.smallest, wanted))


CPU_PLACE = Place(integer_prefilter, SMALLEST_SQUARE, LARGEST_SQUARE)
GPU_PLACE = Place(gpu_prefilter, SMALLEST_SQUARE, GPU_SQUARE, {"num_gpus": GPU_SHARE})


def choose_place() -> Place:
    """Return the GPUs of the Ray cluster, if ONNX Runtime can use them, else its CPUs."""
    has_gpu = ray.cluster_resources().get("GPU", 0) >= GPU_SHARE
    return GPU_PLACE if has_gpu and pick_provider() == "CUDA" else CPU_PLACE


class RayWorkers:
    """Computes tiles as Ray tasks and gives their results in order."""

    def __init__(
        self, vectors: npt.NDArray[np.float32], place: Place, *, in_flight: int, name: str
    ) -> None:
        self._vectors, self._place = vectors, place
        self._vectors_put = ray.put(vectors)
        self._prefilter_put = ray.put(place.make_prefilter(vectors, None))
        self._in_flight, self._name = in_flight, name

    def map_radii(
        self, blocks: Sequence[Block], *, sample: Sample
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Give `find_radii` of each block."""
        return self._map("sample", compute_radii, blocks, self._prefilter_put, ray.put(sample))

    def map_near(self, tiles: Sequence[Tile], *, radii: npt.NDArray[np.float32]) -> Iterator[Pairs]:
        """Give `compare_tile` of each tile."""
        return self._map("block", compute_near, tiles, self._prefilter_put, ray.put(radii))

    def map_search(self, tiles: Sequence[Tile], *, search: Search) -> Iterator[Edges]:
        """Give `search_tile` of each tile."""
        if not tiles:
            return iter(())
        prefilter_put = ray.put(self._place.make_prefilter(self._vectors, search.points))
        return self._map("search", compute_search, tiles, prefilter_put, ray.put(search))

    def _map(
        self,
        what: str,
        task: ray.remote_function.RemoteFunction,
        pieces: Sequence[Work],
        *put: ray.ObjectRef,
    ) -> Iterator[Any]:
        def start(number: int, piece: Work) -> ray.ObjectRef:
            title = f"{self._name} {what} {number}/{len(pieces)}"
            named = task.options(name=title, **self._place.options)
            return named.remote(self._vectors_put, *put, piece)

        return _in_order(start, pieces, in_flight=self._in_flight)


def _in_order(
    start: Callable[[int, Work], ray.ObjectRef], pieces: Sequence[Work], *, in_flight: int
) -> Iterator[Any]:
    coming = enumerate(pieces, start=1)
    waiting = deque(start(*one) for one in itertools.islice(coming, in_flight))
    while waiting:
        result = ray.get(waiting.popleft())
        waiting.extend(start(*one) for one in itertools.islice(coming, 1))
        yield result


@ray.remote(num_cpus=1, max_retries=MAX_RETRIES)
def compute_radii(
    vectors: npt.NDArray[np.float32], prefilter: Prefilter, sample: Sample, rows: Block
) -> npt.NDArray[np.float32]:
    """Return the radii of one block of rows."""
    work_in_background()
    return find_radii(vectors, prefilter, rows, sample=sample)


@ray.remote(num_cpus=1, max_retries=MAX_RETRIES)
def compute_near(
    vectors: npt.NDArray[np.float32],
    prefilter: Prefilter,
    radii: npt.NDArray[np.float32],
    tile: Tile,
) -> Pairs:
    """Return the pairs of one tile that are near."""
    work_in_background()
    return compare_tile(vectors, prefilter, radii, tile)


@ray.remote(num_cpus=1, max_retries=MAX_RETRIES)
def compute_search(
    vectors: npt.NDArray[np.float32], prefilter: Prefilter, search: Search, tile: Tile
) -> Edges:
    """Return the lightest edges between components in one tile."""
    work_in_background()
    return search_tile(vectors, prefilter, search, tile)

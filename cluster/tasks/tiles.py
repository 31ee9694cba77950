"""Computes the tiles of clustering as Ray tasks; a lost worker costs one tile.

The object store holds the vectors as float32 and the prefilter made from them, in 8 bits, which
takes half as much memory again. Workers on the same node read both without a copy. At most
`in_flight` tiles are in flight, so the memory beyond the vectors and the pairs found is bounded by
the size of a tile.

If the Ray cluster has GPUs and ONNX Runtime has CUDA, each task asks Ray for a share of a GPU and
compares its tile there. The result is the same, because a prefilter only selects pairs to measure.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import ray

from cluster.inference import pick_provider
from cluster.numerics.component_edges import Search, search_tile
from cluster.numerics.edges import Edges
from cluster.numerics.neighbours import Sample, Tile, compare_tile, find_radii
from cluster.numerics.pairs import Pairs
from cluster.numerics.products.fastest_prefilter import choose_prefilter
from cluster.numerics.products.gpu_products import gpu_prefilter
from cluster.numerics.products.integer_products import PANEL, integer_prefilter
from cluster.numerics.products.prefilter import Block, MakePrefilter, Prefilter
from cluster.priority import work_in_background

Work = TypeVar("Work")

TILES_PER_SIDE = 14
"""14 blocks of rows give 105 tiles, so the count moves in at least 105 steps."""

SMALLEST_TILE, LARGEST_TILE = PANEL, 8 * PANEL
"""Sides of tiles. A tile of 4,096 takes 50 ms on one core, so clustering stops soon."""

LARGEST_GPU_TILE = 32 * PANEL
GPU_SHARE = 0.5
MAX_RETRIES = 3


@dataclass(frozen=True)
class Place:
    """How tiles are computed: the prefilter, the range of their sides, and Ray's options."""

    make_prefilter: MakePrefilter
    smallest: int
    largest: int
    options: dict[str, float] = field(default_factory=dict)

    def choose_side(self, count: int) -> int:
        """Return the side of the tiles for `count` vectors.

        There are enough tiles to show progress, and none takes long.
        """
        wanted = -(-count // (TILES_PER_SIDE * self.smallest)) * self.smallest
        return min(self.largest, max(self.smallest, wanted))


CPU_PLACE = Place(integer_prefilter, SMALLEST_TILE, LARGEST_TILE)
"""Used on processors with VNNI, and on any processor for few vectors."""

GPU_PLACE = Place(gpu_prefilter, SMALLEST_TILE, LARGEST_GPU_TILE, {"num_gpus": GPU_SHARE})


def choose_place(vectors: npt.NDArray[np.float32]) -> Place:
    """Return GPU_PLACE if the Ray cluster has GPUs that ONNX Runtime can use.

    Otherwise tiles are computed on CPUs, with the prefilter that is fastest on this machine for the
    vectors.
    """
    has_gpu = ray.cluster_resources().get("GPU", 0) >= GPU_SHARE
    if has_gpu and pick_provider() == "CUDA":
        return GPU_PLACE
    return replace(CPU_PLACE, make_prefilter=choose_prefilter(vectors).make)


class RayWorkers:
    """Computes tiles as Ray tasks; results have the order of the tiles."""

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
        """Yield the result of `find_radii` for each block."""
        return self._map("sample", compute_radii, blocks, self._prefilter_put, ray.put(sample))

    def map_near(self, tiles: Sequence[Tile], *, radii: npt.NDArray[np.float32]) -> Iterator[Pairs]:
        """Yield the result of `compare_tile` for each tile."""
        return self._map("block", compute_near, tiles, self._prefilter_put, ray.put(radii))

    def map_search(self, tiles: Sequence[Tile], *, search: Search) -> Iterator[Edges]:
        """Yield the result of `search_tile` for each tile."""
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
    """Return the squared radii of one block of rows, float32 (m,)."""
    work_in_background()
    return find_radii(vectors, prefilter, rows, sample=sample)


@ray.remote(num_cpus=1, max_retries=MAX_RETRIES)
def compute_near(
    vectors: npt.NDArray[np.float32],
    prefilter: Prefilter,
    radii: npt.NDArray[np.float32],
    tile: Tile,
) -> Pairs:
    """Return the pairs of one tile that lie within the radius of either vector."""
    work_in_background()
    return compare_tile(vectors, prefilter, radii, tile)


@ray.remote(num_cpus=1, max_retries=MAX_RETRIES)
def compute_search(
    vectors: npt.NDArray[np.float32], prefilter: Prefilter, search: Search, tile: Tile
) -> Edges:
    """Return the minimum spanning forest of the wanted component edges in one tile."""
    work_in_background()
    return search_tile(vectors, prefilter, search, tile)

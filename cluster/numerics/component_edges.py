"""Edges of the tree between the components that the neighbour lists leave.

Contract: as in `spanning_tree`.

Method:

1. `connect_components`: whatever edges are known, with a few more that come from comparing the
   densest points of each component, make a tree of the components. It is made of real edges, so
   the true one is nowhere heavier; most of its edges are already right.
2. `find_limits`: Kruskal (1956) over the known edges. An edge joins two parts, and is right if one
   of them has no point with a bound below the edge's weight: whatever leaves that part by an edge
   that is not in a list is no lighter. If both have, a lighter edge may lead from the smaller part
   to anywhere: its components are to be searched up to that weight, their limit. A better edge that
   is still unknown is lighter than the heaviest known one between its ends, and so it starts at one
   of these points, below its limit.
3. `search_tile`: points with limits are compared with all whose bounds are below them, each pair
   once, with a `Prefilter`, and the edges below a limit kept. These, and the known ones, hold the
   whole tree.

Strangers, and people with few photos, have high bounds and drop out: often most of a library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cluster.numerics.edges import NO_EDGES, Edges, join_edges, weigh_pairs
from cluster.numerics.neighbours import MEASURE_SLACK, Tile
from cluster.numerics.pairs import Pairs, measure_squared
from cluster.numerics.products.prefilter import PRODUCT_SLACK, SUBTILE, Prefilter, split_rows
from cluster.numerics.spanning_tree import find_lowest, thin_edges
from cluster.numerics.unions import Unions

SAMPLED_EACH = 8
SAMPLED = 4096
"""Points compared to connect components: so many of each, and so many in all, but one of each."""


@dataclass(frozen=True)
class Search:
    """Which edges are still wanted: between components, and lighter than the limit of one end's.

    `points` int64 (o,), component by component; `ranks` int64 (o,) number the components of these
    points in rising order, highest limit first; `limits` float64 (o,), 0 for points that no unknown
    edge starts at; `bounds` float64 (o,). Of all points, `component` int64 (n,) and `core` float64
    (n,).
    """

    points: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.int64]
    limits: npt.NDArray[np.float64]
    bounds: npt.NDArray[np.float64]
    component: npt.NDArray[np.int64]
    core: npt.NDArray[np.float64]

    def is_needed(self, tile: Tile) -> bool:
        """Tell whether a tile can hold an edge that is wanted."""
        (first, last), (left, right) = tile
        limit = self.limits[[first, left]].max()
        return bool(self.bounds[first:last].min() < limit > self.bounds[left:right].min())


def connect_components(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    component: npt.NDArray[np.int64],
    listed: Edges,
) -> Edges:
    """Return a tree of the components, in order, made of `listed` edges and a few more."""
    known = thin_edges(listed, component)
    while True:
        part = _join_components(component, known)
        if not part.any():
            return known
        found = _compare_densest(vectors, core, part)
        known = thin_edges(join_edges([known, found]), component)


def find_limits(
    known: Edges, component: npt.NDArray[np.int64], bounds: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the weight below which edges from each component may be missing, float64 (p,), or 0.

    `known` is a tree of the components, in order.
    """
    lowest = find_lowest(component, bounds).tolist()
    limits, sizes = np.zeros(len(lowest)), np.bincount(component).tolist()
    parts = {name: [name] for name in range(len(lowest))}
    unions = Unions(len(lowest))
    ends = np.stack([component[known.left], component[known.right]], axis=1).tolist()
    for (left, right), weight in zip(ends, known.weights.tolist(), strict=True):
        small, large = sorted((unions.find(left), unions.find(right)), key=sizes.__getitem__)
        if lowest[small] < weight and lowest[large] < weight:
            limits[parts[small]] = weight
        unions.join([(small, large)])
        joined = unions.find(small)
        lowest[joined] = min(lowest[small], lowest[large])
        sizes[joined] = sizes[small] + sizes[large]
        parts[joined] = _join_lists(parts.pop(small), parts.pop(large))
    return limits


def plan_search(
    component: npt.NDArray[np.int64],
    core: npt.NDArray[np.float64],
    bounds: npt.NDArray[np.float64],
    limits: npt.NDArray[np.float64],
) -> Search:
    """Return the points that an unknown edge below a limit may join, component by component."""
    points = np.flatnonzero(bounds < limits.max(initial=0))
    ranks = np.argsort(np.argsort(-limits, kind="stable"))[component[points]]
    points = points[np.lexsort((bounds[points], ranks))]
    return Search(
        points, np.sort(ranks), limits[component[points]], bounds[points], component, core
    )


def search_tile(
    vectors: npt.NDArray[np.float32], prefilter: Prefilter, search: Search, tile: Tile
) -> Edges:
    """Return the forest of the wanted edges in a tile of the searched points.

    `prefilter` holds `vectors[search.points]`.
    """
    is_limited = search.limits > 0
    farthest = search.limits**2 * (1 + MEASURE_SLACK)
    thresholds = np.where(is_limited, 1 - farthest / 2 - PRODUCT_SLACK, np.inf)
    kept = [NO_EDGES]
    for rows, columns in prefilter.find_candidates(
        *tile, thresholds=thresholds, groups=search.ranks
    ):
        edges = _weigh(vectors, search.core, search.points[rows], search.points[columns])
        limits = np.maximum(search.limits[rows], search.limits[columns])
        kept.append(edges.take(edges.weights < limits))
    return thin_edges(join_edges(kept), search.component)


def _join_lists(one: list[int], other: list[int]) -> list[int]:
    """Return both lists as one, the longer of them made longer."""
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    longer += shorter
    return longer


def _weigh(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
) -> Edges:
    low, high = np.minimum(left, right), np.maximum(left, right)
    squared = measure_squared(vectors, low, high)
    return weigh_pairs(Pairs(low.astype(np.int32), high.astype(np.int32), squared), core)


def _join_components(component: npt.NDArray[np.int64], known: Edges) -> npt.NDArray[np.int64]:
    """Return which part of what known edges connect each point is in, int64 (n,), from 0 on."""
    count = int(component.max(initial=-1)) + 1
    ends = (component[known.left], component[known.right])
    graph = coo_array((np.ones(len(known)), ends), shape=(count, count))
    return connected_components(graph.tocsr(), directed=False)[1].astype(np.int64)[component]


def _compare_densest(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    part: npt.NDArray[np.int64],
) -> Edges:
    """Return the lightest edge from each of the densest points of each part to another part's."""
    order = np.lexsort((core, part))
    sizes = np.bincount(part)
    firsts = np.cumsum(sizes) - sizes
    each = min(SAMPLED_EACH, max(1, SAMPLED // len(sizes)))
    points = np.sort(order[np.arange(len(order)) - firsts[part[order]] < each])
    nearness = 1 - core[points] ** 2 / 2
    best = np.empty(len(points), dtype=np.int64)
    for start, stop in split_rows(0, len(points), size=SUBTILE):
        products = vectors[points[start:stop]] @ vectors[points].T
        np.minimum(products, nearness, out=products, casting="same_kind")
        products[part[points[start:stop], None] == part[points]] = -np.inf
        best[start:stop] = products.argmax(axis=1)
    return _weigh(vectors, core, points, points[best])

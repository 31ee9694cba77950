"""Component edges: the edges of the spanning tree that the neighbour lists do not settle.

The contract is the same as in `spanning_tree`. A component is a part of the tree that the lists
settle.

Method:

1. `connect_components` builds a tree of the components from the listed edges. Where these do not
   suffice, it compares the densest points of each component and adds the edges that it finds. All
   of these are real edges, so the true tree is at most as heavy everywhere. Most of them already
   belong to it.
2. `find_limits` takes the known edges in rising order, as Kruskal (1956) does. Each edge joins two
   parts. The edge is right if one part has no point with a bound below the edge's weight, because
   then every unlisted edge that leaves this part is at least as heavy. If both parts have such a
   point, an unknown lighter edge may leave the smaller part. The weight becomes the limit of the
   smaller part's components: they are searched for edges below it. A better edge that is still
   unknown is lighter than the heaviest known edge between its ends. Therefore it starts at one of
   the searched points, below the limit of that point.
3. `search_tile` compares each point that has a limit with all points whose bounds are below that
   limit, each pair once, with a `Prefilter`. It keeps the edges below a limit. These edges and the
   known ones contain the whole tree.

Faces of strangers, and of people with few photos, have high bounds and are not searched. They are
often most of a library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.numerics.edges import NO_EDGES, Edges, join_edges, weigh_pairs
from cluster.numerics.neighbours import MEASURE_SLACK, Tile
from cluster.numerics.pairs import Pairs, measure_squared
from cluster.numerics.products.prefilter import PRODUCT_SLACK, SUBTILE, Prefilter, split_rows
from cluster.numerics.spanning_tree import find_lowest, thin_edges
from cluster.numerics.unions import Unions, label_components

SAMPLED_EACH = 8
"""The most points of one component that are compared to connect the components."""

SAMPLED = 4096
"""The most points compared in total. Each component has at least one, even if that exceeds the
limit."""


@dataclass(frozen=True)
class Search:
    """The wanted edges: they join two components and are lighter than the limit of one end.

    The searched points, component by component, are `points` int64 (o,). For each of them: `ranks`
    int64 (o,), the number of its component in rising order, the highest limit first; `limits`
    float64 (o,), the limit of its component, 0 if no unknown edge starts there; `bounds` float64
    (o,). For all points: `component` int64 (n,) and `core` distance float64 (n,).
    """

    points: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.int64]
    limits: npt.NDArray[np.float64]
    bounds: npt.NDArray[np.float64]
    component: npt.NDArray[np.int64]
    core: npt.NDArray[np.float64]

    def is_needed(self, tile: Tile) -> bool:
        """Tell whether a tile can hold a wanted edge."""
        (first, last), (left, right) = tile
        limit = self.limits[[first, left]].max()
        return bool(self.bounds[first:last].min() < limit > self.bounds[left:right].min())


def connect_components(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    component: npt.NDArray[np.int64],
    listed: Edges,
) -> Edges:
    """Return a tree of the components, its edges in order: `listed` edges and a few others."""
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
    """Return the limit of each component, float64 (p,): unknown edges may exist only below it.

    The limit is 0 where no edge is missing. `known` is a tree of the components, in order.
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
    """Return the search over all points that an unknown edge below a limit may join."""
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
    """Append the shorter list to the longer one, in place, and return it."""
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
    """Return the part of each point, int64 (n,), numbered from 0.

    A part consists of the components that known edges connect.
    """
    count = int(component.max(initial=-1)) + 1
    return label_components(component[known.left], component[known.right], count)[component]


def _compare_densest(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    part: npt.NDArray[np.int64],
) -> Edges:
    """Return the lightest edge from each of the densest points of a part to another part's."""
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

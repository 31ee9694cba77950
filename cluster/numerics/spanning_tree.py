"""The exact minimum spanning tree under mutual reachability, from neighbour lists and, block by
block, from what the lists do not reach.

Contract: `vectors` float32 (n, d) are distinct, in canonical order, each of length 1; `core`
float64 (n,) their core distances. Mutual reachability of a and b is max(core a, core b, |a - b|)
(Campello, Moulavi, Sander, PAKDD 2013). Edges are rows (a, b), a < b, int64; weights are float64,
computed from differences for every edge of the tree.

Method: Borůvka (1926), as McInnes and Healy (2017) use it, in two steps.

1. `join_lists`: rounds over the neighbour lists alone. A component takes its shortest outgoing edge
   if no point of it can have a shorter one outside its list: beyond the list lies nothing nearer
   than its reach. Most of the tree comes from here, in no time.
2. `search_block`: the p components that are left (people with more photos than a list is long) are
   compared whole, each pair of points once: the heaviest work, and its blocks are independent.
   Every block gives the lightest edge between each two components it saw, thinned to a minimum
   spanning forest of those; a forest of forests keeps every edge that the tree needs.
   `finish_tree` makes the tree of them.

Equal weights are broken by the canonical order. In step 2 edges are compared as float32 products:
two edges between the same large components may be taken for each other if their squared distances
differ by less than 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from cluster.numerics.neighbours import measure_distances
from cluster.numerics.unions import Unions

ROWS_AT_ONCE = 1024
COLUMNS_AT_ONCE = 2048


@dataclass(frozen=True)
class SpanningTree:
    """A tree, or the forest so far: `edges` int64 (e, 2), and their `weights` float64 (e,)."""

    edges: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grouping:
    """The components that the lists leave: a `component` int64 (n,) for each point, p in all.

    `order` int64 (n,) holds the points component by component, or those of them that are to be
    searched; component c is `order[starts[c]:starts[c + 1]]`.
    """

    component: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many components there are."""
        return len(self.starts) - 1


@dataclass(frozen=True)
class Crossings:
    """Lightest edges between components, each starting at a point of the first.

    `ends` int64 (e, 2) are the two components, `points` int64 (e,) where the edges start,
    `products` float32 (e,) how near they lead: the larger, the nearer.
    """

    ends: npt.NDArray[np.int64]
    points: npt.NDArray[np.int64]
    products: npt.NDArray[np.float32]


def join_lists(
    core: npt.NDArray[np.float64],
    neighbours: tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]],
    reach: npt.NDArray[np.float64],
) -> tuple[SpanningTree, Grouping]:
    """Return the edges of the tree that the lists (n, k) settle, and the components they leave."""
    indices, distances = neighbours
    count = len(core)
    weights = np.maximum(distances, np.maximum(core[:, None], core[indices]))
    bounds = np.maximum(core, reach)
    unions, chosen = Unions(count), [np.empty((0, 2), dtype=np.int64)]
    component = np.arange(count)
    while True:
        edges = _settled_edges(component, weights, indices, bounds)
        joined = unions.join(edges.tolist())
        if not len(joined):
            break
        chosen.append(edges[joined])
        component = unions.components()
    tree = np.sort(np.concatenate(chosen), axis=1)
    return SpanningTree(tree, np.zeros(len(tree))), group_points(component)


def group_points(component: npt.NDArray[np.int64]) -> Grouping:
    """Return the points of each component, numbered 0 to p - 1, the largest now first.

    Blocks that lie within one component need no search; large ones fill whole blocks this way.
    """
    sizes = np.bincount(component)
    largest = np.argsort(-sizes, kind="stable")
    component = np.argsort(largest)[component]
    order = np.argsort(component, kind="stable")
    return Grouping(component, order, np.concatenate([[0], np.cumsum(sizes[largest])]))


def search_block(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    grouping: Grouping,
    start: int,
    stop: int,
) -> Crossings:
    """Compare the points `order[start:stop]` with all from `start` on; return the edges to keep.

    Memory: (stop - start) x COLUMNS_AT_ONCE products, and (stop - start) x p for the best of each
    component, float32.
    """
    rows = grouping.order[start:stop]
    nearness = (1 - core**2 / 2).astype(np.float32)
    best = _best_by_component(vectors, nearness, grouping, start, rows)
    np.minimum(best, nearness[rows, None], out=best)
    owners = grouping.component[rows]
    best[np.arange(len(rows)), owners] = -np.inf
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    heads = owners[firsts]
    pairs = np.maximum.reduceat(best, firsts, axis=0)
    kept = _thin(Crossings(*_list_pairs(pairs, heads)), grouping.count)
    return _name_points(kept, best, rows, owners)


def merge_crossings(found: Iterable[Crossings], count: int) -> Crossings:
    """Return the forest of all that blocks found between `count` components."""
    none = Crossings(
        np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, np.float32)
    )
    blocks = [none, *found]
    together = Crossings(
        np.concatenate([block.ends for block in blocks]),
        np.concatenate([block.points for block in blocks]),
        np.concatenate([block.products for block in blocks]),
    )
    return _thin(together, count)


def finish_tree(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    *,
    forest: SpanningTree,
    grouping: Grouping,
    crossings: Crossings,
) -> SpanningTree:
    """Return the whole tree, its weights in float64, from the lists' forest and the crossings."""
    kept = _thin(crossings, grouping.count)
    far = [
        _nearest_within(vectors, core, point, grouping.order[slice(*grouping.starts[c : c + 2])])
        for point, c in zip(kept.points, kept.ends[:, 1], strict=True)
    ]
    across = np.stack([kept.points, np.array(far, dtype=np.int64)], axis=1)
    edges = np.sort(np.concatenate([forest.edges, across]), axis=1)
    lengths = measure_distances(vectors, edges[:, 0], edges[:, 1])
    weights = np.maximum(lengths, core[edges].max(axis=1, initial=0))
    order = np.lexsort((edges[:, 1], edges[:, 0], weights))
    return SpanningTree(edges[order], weights[order])


def _settled_edges(
    component: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    indices: npt.NDArray[np.int32],
    bounds: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """Return the shortest outgoing edge of each component for which the lists prove it."""
    outside = np.where(component[indices] == component[:, None], np.inf, weights)
    column = outside.argmin(axis=1)
    points = np.arange(len(component))
    lightest = outside[points, column]
    order = np.lexsort((points, lightest, component))
    firsts = np.flatnonzero(np.diff(component[order], prepend=-1))
    heads = order[firsts]
    bound = np.minimum.reduceat(bounds[order], firsts)
    heads = heads[np.isfinite(lightest[heads]) & (lightest[heads] <= bound)]
    edges = np.stack([heads, indices[heads, column[heads]]], axis=1).astype(np.int64)
    return edges[np.lexsort((edges[:, 1], edges[:, 0], lightest[heads]))]


def _best_by_component(
    vectors: npt.NDArray[np.float32],
    nearness: npt.NDArray[np.float32],
    grouping: Grouping,
    start: int,
    rows: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Return each row's largest product with each component, float32 (m, p); -inf where unseen."""
    best = np.full((len(rows), grouping.count), -np.inf, dtype=np.float32)
    for at in range(start, len(grouping.order), COLUMNS_AT_ONCE):
        columns = grouping.order[at : at + COLUMNS_AT_ONCE]
        owners = grouping.component[columns]
        near, facing = nearness[columns], vectors[columns].T
        firsts = np.flatnonzero(np.diff(owners, prepend=-1))
        seen = owners[firsts]
        for low in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[low : low + ROWS_AT_ONCE]
            is_behind = at + len(columns) <= start + low
            if is_behind or _lie_in_one(grouping.component[part], owners):
                continue
            products = vectors[part] @ facing
            np.minimum(products, near, out=products)
            known = best[low : low + ROWS_AT_ONCE]
            known[:, seen] = np.maximum(
                known[:, seen], np.maximum.reduceat(products, firsts, axis=1)
            )
    return best


def _lie_in_one(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> bool:
    """Tell whether points, both in order of components, all belong to the same."""
    return bool(one[0] == one[-1] == other[0] == other[-1])


def _list_pairs(
    pairs: npt.NDArray[np.float32], heads: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return ends, no points yet, and products of all that was seen between components."""
    left, right = np.nonzero(np.isfinite(pairs))
    ends = np.stack([heads[left], right], axis=1)
    return ends, np.zeros(len(ends), dtype=np.int64), pairs[left, right]


def _thin(crossings: Crossings, count: int) -> Crossings:
    """Keep a minimum spanning forest of the edges, of equal ones the first in order of ends."""
    low, high = crossings.ends.min(axis=1), crossings.ends.max(axis=1)
    order = np.lexsort((crossings.points, high, low, -crossings.products))
    key = (low * count + high)[order]
    order = order[np.sort(np.unique(key, return_index=True)[1])]
    ranks = np.arange(1, len(order) + 1, dtype=np.float64)
    graph = coo_array((ranks, (low[order], high[order])), shape=(count, count))
    kept = order[minimum_spanning_tree(graph.tocsr()).data.astype(np.int64) - 1]
    kept = np.sort(kept)
    return Crossings(crossings.ends[kept], crossings.points[kept], crossings.products[kept])


def _name_points(
    crossings: Crossings,
    best: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    owners: npt.NDArray[np.int64],
) -> Crossings:
    """Return the crossings with the row that each starts from."""
    points = np.empty(len(crossings.ends), dtype=np.int64)
    for number, (left, right) in enumerate(crossings.ends):
        low, high = np.searchsorted(owners, [left, left + 1])
        points[number] = rows[low + best[low:high, right].argmax()]
    return Crossings(crossings.ends, points, crossings.products)


def _nearest_within(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    point: int,
    members: npt.NDArray[np.int64],
) -> int:
    """Return the member that is nearest to `point` by mutual reachability."""
    lengths = measure_distances(vectors, np.full(len(members), point), members)
    return int(members[np.maximum(lengths, core[members]).argmin()])

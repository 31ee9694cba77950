"""The exact minimum spanning tree under mutual reachability: what the neighbour lists settle of it.

Contract: points are distinct vectors in canonical order; `core` float64 (n,) their core distances;
`bounds` float64 (n,) are what an edge from a point to any that is not in its list weighs at least:
max(core, reach). Edges between points in each other's lists are given, all of them.

Method: Borůvka (1926), as McInnes and Healy (2017) use it. A component takes its lightest outgoing
edge if no point of it can have a lighter one outside of its list. Most of the tree comes from here,
in no time; `component_edges` finds the edges between the components that are left (people with more
photos than a list is long). The tree's weights are computed anew from differences, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.numerics.edges import NO_EDGES, Edges, join_edges, order_edges
from cluster.numerics.pairs import measure_distances
from cluster.numerics.unions import Unions


@dataclass(frozen=True)
class SpanningTree:
    """A tree of n points: `edges` int64 (n - 1, 2), a < b, by `weights` float64 (n - 1,)."""

    edges: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


def join_lists(
    edges: Edges,
    bounds: npt.NDArray[np.float64],
    *,
    on_round: Callable[[], None] = lambda: None,
) -> tuple[Edges, npt.NDArray[np.int64], Edges]:
    """Return the edges of the tree that the lists settle, the components, and edges between them.

    Components are numbered 0 to p - 1 in order of their first points, int64 (n,).
    """
    return _grow(edges, np.arange(len(bounds)), bounds, on_round=on_round)


def thin_edges(edges: Edges, component: npt.NDArray[np.int64]) -> Edges:
    """Return the minimum spanning forest of the components, int64 (n,), in order."""
    return order_edges(_grow(edges, component, np.full(len(component), np.inf))[0])


def find_lowest(
    component: npt.NDArray[np.int64], bounds: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the lowest bound of each component's points, float64 (p,)."""
    lowest = np.full(int(component.max(initial=-1)) + 1, np.inf)
    np.minimum.at(lowest, component, bounds)
    return lowest


def finish_tree(
    vectors: npt.NDArray[np.float32], core: npt.NDArray[np.float64], edges: Edges
) -> SpanningTree:
    """Return the tree of n - 1 edges, its weights in float64."""
    ends = np.stack([edges.left, edges.right], axis=1).astype(np.int64)
    lengths = measure_distances(vectors, ends[:, 0], ends[:, 1])
    weights = np.maximum(lengths, core[ends].max(axis=1, initial=0))
    order = np.lexsort((ends[:, 1], ends[:, 0], weights))
    return SpanningTree(ends[order], weights[order])


def _grow(
    edges: Edges,
    component: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.float64],
    *,
    on_round: Callable[[], None] = lambda: None,
) -> tuple[Edges, npt.NDArray[np.int64], Edges]:
    """Join components by settled edges, round by round; return those, the components, the rest."""
    unions, names, chosen = Unions(int(component.max(initial=-1)) + 1), component, [NO_EDGES]
    set_aside = [NO_EDGES]
    while True:
        near, far = component[edges.left], component[edges.right]
        lowest = find_lowest(component, bounds)
        is_across = near != far
        # Bounds of components only fall: what is above both now is never settled.
        is_heavy = (edges.weights > lowest[near]) & (edges.weights > lowest[far])
        set_aside.append(edges.take(is_across & is_heavy))
        edges = edges.take(is_across & ~is_heavy)
        settled = _settle(edges, component, lowest)
        ends = np.stack([names[settled.left], names[settled.right]], axis=1)
        joined = unions.join(ends.tolist())
        if not len(joined):
            left = join_edges([edges, *set_aside])
            is_across = component[left.left] != component[left.right]
            return join_edges(chosen), component, left.take(is_across)
        chosen.append(settled.take(joined))
        component = unions.components()[names]
        on_round()


def _settle(
    edges: Edges, component: npt.NDArray[np.int64], lowest: npt.NDArray[np.float64]
) -> Edges:
    """Return each component's lightest outgoing edge, unless it is above the component's bound.

    `lowest` float64 (p,) are the bounds of the components: the lowest of their points'.
    """
    near, far = component[edges.left], component[edges.right]
    lightest = np.full(len(lowest), np.inf)
    np.minimum.at(lightest, near, edges.weights)
    np.minimum.at(lightest, far, edges.weights)
    lightest[lightest > lowest] = -np.inf
    is_lightest = edges.weights == lightest[near]
    is_lightest |= edges.weights == lightest[far]
    found = order_edges(edges.take(is_lightest))
    ends = np.stack([component[found.left], component[found.right]], axis=1)
    owners = np.where(found.weights[:, None] == lightest[ends], ends, -1)
    names, firsts = np.unique(owners, return_index=True)
    return found.take(np.unique(firsts[names >= 0] // 2))

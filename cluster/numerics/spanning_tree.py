"""The part of the exact minimum spanning tree that the neighbour lists settle.

Edges are weighed by mutual reachability.

Contract: points are distinct vectors in canonical order. `core` float64 (n,) are their core
distances. `bounds` float64 (n,) are lower bounds, max(core, reach): no edge from a point to another
that is not in its list weighs less. All edges between points in each other's lists are given.

Method: Borůvka (1926), as McInnes and Healy (2017) use it. A component takes its lightest outgoing
edge if none of its points can have a lighter unlisted edge. This gives most of the tree in little
time. `component_edges` finds the edges between the remaining components, which occur for people
with more photos than a list has entries. The weights of the tree are computed again from
differences, in float64.
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
    """A tree of n points: `edges` int64 (n - 1, 2), a < b, sorted by `weights` float64 (n - 1,)."""

    edges: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


def join_lists(
    edges: Edges,
    bounds: npt.NDArray[np.float64],
    *,
    on_round: Callable[[], None] = lambda: None,
) -> tuple[Edges, npt.NDArray[np.int64], Edges]:
    """Return the settled edges of the tree, the components, and the listed edges between these.

    The component of each point, int64 (n,), is a number from 0 to p - 1, in the order of the
    components' first points.
    """
    return _grow(edges, np.arange(len(bounds)), bounds, on_round=on_round)


def thin_edges(edges: Edges, component: npt.NDArray[np.int64]) -> Edges:
    """Return the minimum spanning forest over the components, its edges in order.

    `component` int64 (n,) is the component of each point.
    """
    return order_edges(_grow(edges, component, np.full(len(component), np.inf))[0])


def find_lowest(
    component: npt.NDArray[np.int64], bounds: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the lowest bound among the points of each component, float64 (p,)."""
    lowest = np.full(int(component.max(initial=-1)) + 1, np.inf)
    np.minimum.at(lowest, component, bounds)
    return lowest


def finish_tree(
    vectors: npt.NDArray[np.float32], core: npt.NDArray[np.float64], edges: Edges
) -> SpanningTree:
    """Return the tree of the n - 1 `edges`, sorted, with weights measured again in float64."""
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
    """Join components by settled edges, round by round.

    Returns the settled edges, the component of each point, and the other edges between components.
    """
    unions, names, chosen = Unions(int(component.max(initial=-1)) + 1), component, [NO_EDGES]
    set_aside = [NO_EDGES]
    while True:
        near, far = component[edges.left], component[edges.right]
        lowest = find_lowest(component, bounds)
        is_across = near != far
        # The bounds of components only fall, so an edge above both bounds is never settled.
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

    `lowest` float64 (p,) are the bounds of the components: the lowest bounds of their points.
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

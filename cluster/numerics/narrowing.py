"""Which points can still start an edge of the tree: the others need not be searched.

Contract: arrays as in `spanning_tree`; `bounds` float64 (n,) are what an edge from a point to any
outside its list weighs at least: max(core, reach).

Method: any tree that joins the components, here one through the few densest points of each, has a
heaviest edge; no edge of a minimum spanning tree is heavier than that. A point whose bound is
larger can start an edge of the tree only within its list, and those edges are at hand. In a library
these are the strangers and the people with few photos: often most of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cluster.numerics.neighbours import PRODUCT_SLACK
from cluster.numerics.spanning_tree import (
    Crossings,
    Grouping,
    merge_crossings,
    search_block,
)

SAMPLED_EACH = 8
ROWS_AT_ONCE = 4096


def find_heaviest(
    vectors: npt.NDArray[np.float32],
    core: npt.NDArray[np.float64],
    bounds: npt.NDArray[np.float64],
    grouping: Grouping,
) -> float:
    """Return a weight that no edge of the tree between the components exceeds."""
    if grouping.count < 2:
        return 0.0
    dense = np.lexsort((bounds, grouping.component))
    places = np.arange(len(dense)) - grouping.starts[grouping.component[dense]]
    sample = keep_points(grouping, dense[places < SAMPLED_EACH])
    total = len(sample.order)
    crossings = merge_crossings(
        (
            search_block(vectors, core, sample, at, min(at + ROWS_AT_ONCE, total))
            for at in range(0, total, ROWS_AT_ONCE)
        ),
        grouping.count,
    )
    return float(np.sqrt(2 - 2 * float(crossings.products.min()) + PRODUCT_SLACK))


def keep_points(grouping: Grouping, points: npt.NDArray[np.int64]) -> Grouping:
    """Return the grouping with these points alone to search; components keep their numbers."""
    order = np.sort(points)
    order = order[np.argsort(grouping.component[order], kind="stable")]
    sizes = np.bincount(grouping.component[order], minlength=grouping.count)
    return Grouping(grouping.component, order, np.concatenate([[0], np.cumsum(sizes)]))


def list_crossings(
    core: npt.NDArray[np.float64],
    neighbours: tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]],
    grouping: Grouping,
    points: npt.NDArray[np.int64],
) -> Crossings:
    """Return the edges between components in the lists of `points`."""
    indices, distances = neighbours[0][points], neighbours[1][points]
    component = grouping.component
    row, column = np.nonzero(component[indices] != component[points, None])
    near, far = points[row], indices[row, column]
    weights = np.maximum(distances[row, column], np.maximum(core[near], core[far]))
    ends = np.stack([component[near], component[far]], axis=1)
    return Crossings(ends, near, (1 - weights**2 / 2).astype(np.float32))

"""A spanning tree's edges as the merges of single linkage, as hdbscan's `label` gives them.

hdbscan's own takes nine microseconds an edge, most of a library's labelling; this one takes one.
That the two give the same is tested (tests/unit/test_linkage.py).
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt


def link_edges(edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the merges of a tree of n points, float64 (n - 1, 4): two parts, distance, size.

    `edges` float64 (n - 1, 3) are ends and weight, sorted. A point is a part by its number; merge i
    makes part n + i.
    """
    count = len(edges) + 1
    parents, sizes = list(range(2 * count - 1)), [1] * count
    # Lists of plain numbers: 100,000 pairs would wake the garbage collector.
    ones: list[int] = []
    others: list[int] = []
    lefts, rights = edges[:, :2].T.astype(np.int64)
    for made, left, right in zip(itertools.count(count), lefts.tolist(), rights.tolist()):
        one, other = _find(parents, left), _find(parents, right)
        parents[one] = parents[other] = made
        sizes.append(sizes[one] + sizes[other])
        ones.append(one)
        others.append(other)
    return np.column_stack([ones, others, edges[:, 2], sizes[count:]]).astype(np.float64)


def _find(parents: list[int], part: int) -> int:
    """Return the part that a part has become, halving the way to it."""
    while parents[part] != part:
        parents[part] = parents[parents[part]]
        part = parents[part]
    return part

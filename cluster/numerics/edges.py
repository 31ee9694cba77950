"""Edges between points, weighed by mutual reachability.

Mutual reachability of a and b is max(core a, core b, |a - b|) (Campello, Moulavi, Sander, PAKDD
2013). Edges are ordered by weight, and edges of equal weight by their ends, which are numbered in
canonical order. So no two edges are equal in this order, and the result does not depend on the tile
in which an edge was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.numerics.pairs import Pairs


@dataclass(frozen=True)
class Edges:
    """Edges: their ends `left` < `right`, int32 (e,), and their `weights`, float64 (e,)."""

    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of edges."""
        return len(self.weights)

    def take(self, which: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Edges:
        """Return the edges at the given positions, or where the mask is true."""
        return Edges(self.left[which], self.right[which], self.weights[which])


NO_EDGES = Edges(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32), np.empty(0))


def weigh_pairs(pairs: Pairs, core: npt.NDArray[np.float64]) -> Edges:
    """Return pairs as edges, weighed by mutual reachability; `core` float64 (n,)."""
    weights = np.sqrt(pairs.squared).astype(np.float64)
    np.maximum(weights, core[pairs.left], out=weights)
    np.maximum(weights, core[pairs.right], out=weights)
    return Edges(pairs.left, pairs.right, weights)


def join_edges(parts: Sequence[Edges]) -> Edges:
    """Concatenate the edges of all parts."""
    return Edges(
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def order_edges(edges: Edges) -> Edges:
    """Return the edges from the lightest to the heaviest, equal weights by their ends."""
    return edges.take(np.lexsort((edges.right, edges.left, edges.weights)))

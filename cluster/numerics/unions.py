"""Components of n points, which edges join: all at once, or one edge after the other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


class Unions:
    """The components of n points. At first, each point is a component of its own."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def join(self, edges: Iterable[tuple[int, int]]) -> npt.NDArray[np.int64]:
        """Join the ends of the edges, one after the other.

        Returns the positions of the edges that joined two components, int64 (j,).
        """
        joined = []
        for position, (left, right) in enumerate(edges):
            one, other = self.find(left), self.find(right)
            if one != other:
                self._parents[max(one, other)] = min(one, other)
                joined.append(position)
        return np.array(joined, dtype=np.int64)

    def components(self) -> npt.NDArray[np.int64]:
        """Return the component of each point, int64 (n,), numbered 0 to p - 1 by first points."""
        roots = np.array(self._parents, dtype=np.int64)
        while True:
            above = roots[roots]
            if np.array_equal(above, roots):
                return np.unique(roots, return_inverse=True)[1].astype(np.int64)
            roots = above

    def find(self, point: int) -> int:
        """Return the first point of the component that contains `point`."""
        parents = self._parents
        while parents[point] != point:
            parents[point] = parents[parents[point]]
            point = parents[point]
        return point


def label_components(
    left: npt.NDArray[np.integer], right: npt.NDArray[np.integer], count: int
) -> npt.NDArray[np.int64]:
    """Return the component of each of `count` points, int64 (n,), numbered from 0.

    `left` and `right`, integers (e,), are the ends of the edges.
    """
    # Imported here, because it is slow, and only processes that group faces need it.
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    links = coo_array((np.ones(len(left)), (left, right)), shape=(count, count))
    return connected_components(links.tocsr(), directed=False)[1].astype(np.int64)

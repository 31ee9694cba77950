"""Agglomerative clustering: merges nodes of faces, the most alike first, while they agree.

Method: the similarity of two nodes is the cosine of the sums of their vectors (centroid linkage on
the sphere: spherical k-means' similarity, Dhillon and Modha, 2001). In each round, all pairs that
are each other's most similar node are merged, so the result does not depend on the order of the
nodes, except for exact ties, which go to the lowest node. A sum of faces is less noisy than one
face, so a group is not extended step by step to a stranger, as with single linkage.

Contract: a node is a set of rows; `sums` float64 (k, d) are the sums of their vectors. Only the
rows of the similarity matrix that changed are computed again, so the memory is k times d.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

ENTRIES_AT_ONCE = 1 << 24
"""Similarities per block: 64 MiB of float32."""

NONE = np.float32(-2)

Allows = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], bool]
"""A function that tells whether two sets of rows, int64, may be one person."""


@dataclass
class Nodes:
    """The remaining nodes: `rows` of each, unit vectors `units` float32 (k, d), and best partners.

    `best` int64 (k,) is the most similar other node, NONE if no other may be merged, and `cosines`
    float32 (k,) its similarity.
    """

    rows: list[npt.NDArray[np.int64]]
    sums: npt.NDArray[np.float64]
    units: npt.NDArray[np.float32]
    best: npt.NDArray[np.int64]
    cosines: npt.NDArray[np.float32]
    banned: dict[int, set[int]] = field(default_factory=dict)

    @classmethod
    def of_labels(cls, vectors: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> Nodes:
        """Return a node for each label 0 to k - 1 of the rows of `vectors`, float32 (n, d)."""
        order = np.argsort(labels, kind="stable")
        starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
        rows = np.split(order, starts[1:])
        sums = np.add.reduceat(vectors[order].astype(np.float64), starts, axis=0)
        count = len(rows)
        none = np.full(count, NONE)
        return cls(rows, sums, _normalize(sums), np.zeros(count, np.int64), none)

    def ban(self, one: int, other: int) -> None:
        """Remember that two nodes may not be merged."""
        self.banned.setdefault(one, set()).add(other)
        self.banned.setdefault(other, set()).add(one)

    def absorb(self, kept: int, gone: int) -> None:
        """Merge two nodes, with the bans of both."""
        self.rows[kept] = np.concatenate([self.rows[kept], self.rows[gone]])
        self.sums[kept] += self.sums[gone]
        self.units[kept] = _normalize(self.sums[kept : kept + 1])[0]
        for other in self.banned.pop(gone, ()):
            self.banned[other].discard(gone)
            self.ban(kept, other)

    def compact(self, is_alive: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Drop the absorbed nodes, and return the new number of each old node."""
        numbers = np.cumsum(is_alive) - 1
        self.rows = [rows for rows, stays in zip(self.rows, is_alive, strict=True) if stays]
        self.sums, self.units = self.sums[is_alive], self.units[is_alive]
        self.best, self.cosines = numbers[self.best[is_alive]], self.cosines[is_alive]
        self.banned = {
            int(numbers[node]): {int(numbers[other]) for other in others}
            for node, others in self.banned.items()
        }
        return numbers

    def find_best(self, places: npt.NDArray[np.int64]) -> None:
        """Find the most similar other node of these nodes, and update the best of all others."""
        size = max(1, ENTRIES_AT_ONCE // max(1, len(self.rows)))
        for start in range(0, len(places), size):
            some = places[start : start + size]
            cosines = self.units[some] @ self.units.T
            cosines[np.arange(len(some)), some] = NONE
            for row, node in enumerate(some.tolist()):
                cosines[row, list(self.banned.get(node, ()))] = NONE
            self.best[some] = cosines.argmax(axis=1)
            self.cosines[some] = cosines.max(axis=1)
            self._tell_others(some, cosines)

    def _tell_others(self, some: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]) -> None:
        first = cosines.argmax(axis=0)
        highest = cosines[first, np.arange(len(self.rows))]
        nearer = (highest > self.cosines) | ((highest == self.cosines) & (some[first] < self.best))
        self.best[nearer], self.cosines[nearer] = some[first[nearer]], highest[nearer]


def merge_nodes(
    vectors: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    *,
    same: float,
    allows: Allows,
    on_round: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.int64]:
    """Return the node of each row after merging, int64 (n,).

    `labels` int64 (n,), 0 to k - 1, are the nodes to begin with. Nodes are merged while their
    cosine is at least `same` and `allows` holds.
    """
    if not len(labels):
        return labels
    nodes = Nodes.of_labels(vectors, labels)
    changed = np.arange(len(nodes.rows))
    while len(changed) and len(nodes.rows) > 1:
        nodes.find_best(changed)
        pairs = _list_mutual(nodes, same)
        changed = _merge_pairs(nodes, pairs, allows)
        on_round()
    found = np.empty(len(labels), dtype=np.int64)
    for number, rows in enumerate(nodes.rows):
        found[rows] = number
    return found


def _list_mutual(nodes: Nodes, same: float) -> list[tuple[int, int]]:
    """Return the pairs that are each other's best; if rounding leaves none, the best pair."""
    near = np.flatnonzero(nodes.cosines >= np.float32(same))
    if not len(near):
        return []
    mutual = near[(nodes.best[nodes.best[near]] == near) & (near < nodes.best[near])]
    if not len(mutual):
        mutual = near[[int(nodes.cosines[near].argmax())]]
    return [(int(one), int(nodes.best[one])) for one in mutual]


def _merge_pairs(
    nodes: Nodes, pairs: list[tuple[int, int]], allows: Allows
) -> npt.NDArray[np.int64]:
    """Merge or ban each pair; return the nodes whose best partner must be found again."""
    is_alive = np.ones(len(nodes.rows), dtype=bool)
    is_changed = np.zeros(len(nodes.rows), dtype=bool)
    for one, other in pairs:
        is_changed[[one, other]] = True
        if allows(nodes.rows[one], nodes.rows[other]):
            nodes.absorb(one, other)
            is_alive[other] = False
        else:
            nodes.ban(one, other)
    is_stale = is_changed | is_changed[nodes.best]
    numbers = nodes.compact(is_alive)
    stale = numbers[is_stale & is_alive]
    nodes.cosines[stale] = NONE
    return stale


def _normalize(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(lengths, np.finfo(np.float64).tiny)).astype(np.float32)

"""Rules for faces that cannot be one person: in one photo, or told apart by a user.

Two faces of one photo are one person only if they are plainly alike: in a collage, a mirror, or a
picture within the picture. Two groups that meet in many photos are two people. A single such photo
is more often caused by a wrong face, so the worse face leaves its group.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFLICT_SHARE = 0.25
"""Two groups are two people if they conflict in more than this share of the photos of the group
with fewer photos."""

JUNK_SHARE = 0.5
"""A group with conflicts in more than this share of its photos is not a person."""

NO_SIDE = -1


@dataclass(frozen=True, slots=True)
class Apart:
    """Faces that users told apart: `sides` int64 (n,), NO_SIDE for most; `pairs` of sides, a < b.

    A side is a person, or an ungrouped face.
    """

    sides: npt.NDArray[np.int64]
    pairs: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def nobody(cls, count: int) -> Apart:
        """Return the value for `count` faces, none of which were told apart."""
        return cls(np.full(count, NO_SIDE, dtype=np.int64))

    def take(self, rows: npt.NDArray[np.integer]) -> Apart:
        """Return the sides of these rows, with all pairs."""
        return Apart(self.sides[rows], self.pairs)

    def list_sides(self, rows: npt.NDArray[np.int64]) -> set[int]:
        """Return the sides that these rows belong to."""
        return set(self.sides[rows].tolist()) - {NO_SIDE} if self.pairs else set()

    def are_apart(self, one: Collection[int], other: Collection[int]) -> bool:
        """Tell whether a side of `one` was told apart from a side of `other`."""
        return any((min(a, b), max(a, b)) in self.pairs for a in one for b in other)


@dataclass(frozen=True, slots=True)
class PhotoRules:
    """The rules for n faces: `vectors` float32 (n, d), `photos` int64 (n,)."""

    vectors: npt.NDArray[np.float32]
    photos: npt.NDArray[np.int64]
    alike: float
    apart: Apart

    def take(self, rows: npt.NDArray[np.integer]) -> PhotoRules:
        """Return the rules for these rows only."""
        return PhotoRules(self.vectors[rows], self.photos[rows], self.alike, self.apart.take(rows))

    def allow(self, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> bool:
        """Tell whether two groups of rows may be one person."""
        if self.apart.are_apart(self.apart.list_sides(one), self.apart.list_sides(other)):
            return False
        shared = np.intersect1d(self.photos[one], self.photos[other])
        if not len(shared):
            return True
        photos = min(len(np.unique(self.photos[rows])) for rows in (one, other))
        conflicts = sum(
            not self.are_alike(one[self.photos[one] == photo], other[self.photos[other] == photo])
            for photo in shared
        )
        return conflicts <= CONFLICT_SHARE * photos

    def are_alike(self, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> bool:
        """Tell whether each face of `one` and each face of `other` are plainly alike."""
        return bool((self.vectors[one] @ self.vectors[other].T).min() >= self.alike)

    def is_one(self, rows: npt.NDArray[np.int64]) -> bool:
        """Tell whether a group of rows may be one person."""
        sides = self.apart.list_sides(rows)
        if self.apart.are_apart(sides, sides):
            return False
        photos, firsts, counts = np.unique(
            np.sort(self.photos[rows]), return_index=True, return_counts=True
        )
        ordered = rows[np.argsort(self.photos[rows], kind="stable")]
        conflicts = sum(
            not self.are_alike(same := ordered[first : first + count], same)
            for first, count in zip(firsts, counts, strict=True)
            if count > 1
        )
        return conflicts <= CONFLICT_SHARE * len(photos)

    def release_conflicts(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the labels, int64 (n,), with no person twice in a photo unless plainly alike.

        In each photo, the faces that fit their group best stay, and the others become -1. All faces
        of a group with too many conflicts become -1 as well.
        """
        found = labels.copy()
        order = np.lexsort((labels, self.photos))
        order = order[labels[order] >= 0]
        if not len(order):
            return found
        keys = np.stack([self.photos[order], labels[order]])
        starts = np.flatnonzero((np.diff(keys, axis=1, prepend=-1) != 0).any(axis=0))
        photos = np.bincount(labels[order[starts]])
        conflicts = np.zeros_like(photos)
        sums = self._sum_groups(labels)
        stops = np.append(starts[1:], len(order))
        for start in np.flatnonzero(stops - starts > 1):
            rows = order[starts[start] : stops[start]]
            released = self._find_released(rows, sums[labels[rows[0]]])
            found[released] = -1
            conflicts[labels[rows[0]]] += bool(len(released))
        is_junk = conflicts > JUNK_SHARE * photos
        found[(found >= 0) & is_junk[found]] = -1
        return found

    def release_beside_placed(
        self, person_ids: npt.NDArray[np.int64], is_placed: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Return the people, int64 (n,), 0 for none, with nobody beside a face that a user placed.

        A face that a user did not place leaves its person in a photo where the user placed another
        face with this person, unless the two are plainly alike.
        """
        found = person_ids.copy()
        order = np.lexsort((person_ids, self.photos))
        order = order[person_ids[order] != 0]
        is_same = (np.diff(self.photos[order]) == 0) & (np.diff(person_ids[order]) == 0)
        for rows in np.split(order, np.flatnonzero(~is_same) + 1) if is_same.any() else ():
            kept = rows[is_placed[rows]]
            for row in rows[~is_placed[rows]] if len(kept) else ():
                if not self.are_alike(np.array([row]), kept):
                    found[row] = 0
        return found

    def _sum_groups(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        order = np.argsort(labels, kind="stable")[int((labels < 0).sum()) :]
        starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
        return np.add.reduceat(self.vectors[order].astype(np.float64), starts, axis=0)

    def _find_released(
        self, rows: npt.NDArray[np.int64], group_sum: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int64]:
        others = group_sum - self.vectors[rows]
        lengths = np.maximum(np.linalg.norm(others, axis=1), np.finfo(np.float64).tiny)
        fits = np.einsum("ij,ij->i", others, self.vectors[rows]) / lengths
        kept: list[int] = []
        released: list[int] = []
        for row in rows[np.argsort(-fits, kind="stable")]:
            is_one = not kept or self.are_alike(np.array([row]), np.array(kept))
            (kept if is_one else released).append(int(row))
        return np.array(released, dtype=np.int64)

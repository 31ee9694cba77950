"""Reads which faces users told apart, for clustering.

An answer "no" applies to the current people of its two faces. An ungrouped face stands for itself;
if a face is gone, the person at the time of the answer stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.store.people.face_vectors import FaceVectors

FACE_SIDE = 1 << 48
"""Added to the id of a face that is a side by itself; ids of people are smaller."""

NO_SIDE = -1


@dataclass(frozen=True, slots=True)
class ToldApart:
    """Faces told apart: `sides` int64 (n,), NO_SIDE for most; `pairs` of sides, a < b."""

    sides: npt.NDArray[np.int64]
    pairs: frozenset[tuple[int, int]]


_NOES = text(
    """
    SELECT coalesce(f.person_id, CASE WHEN f.id IS NULL THEN a.first_person_id END) AS first_person,
        f.id AS first_face,
        coalesce(s.person_id, CASE WHEN s.id IS NULL THEN a.second_person_id END) AS second_person,
        s.id AS second_face
    FROM face_answer a LEFT JOIN face f ON f.id = a.first_face_id
        LEFT JOIN face s ON s.id = a.second_face_id
    WHERE a.pack = :pack AND a.answer = 'no' ORDER BY a.id
    """
)


def load_apart(db: Session, faces: FaceVectors, *, pack: str) -> ToldApart:
    """Return which of the faces users told apart, row by row."""
    sides = np.full(len(faces), NO_SIDE, dtype=np.int64)
    pairs: set[tuple[int, int]] = set()
    for row in db.execute(_NOES, {"pack": pack}):
        one = _side(row.first_person, row.first_face)
        other = _side(row.second_person, row.second_face)
        if one is not None and other is not None and one != other:
            pairs.add((min(one, other), max(one, other)))
    for side in {side for pair in pairs for side in pair}:
        is_side = (
            faces.face_ids == side - FACE_SIDE if side >= FACE_SIDE else faces.person_ids == side
        )
        sides[is_side] = side
    return ToldApart(sides, frozenset(pairs))


def _side(person_id: int | None, face_id: int | None) -> int | None:
    if person_id is not None:
        return person_id
    return None if face_id is None else FACE_SIDE + face_id

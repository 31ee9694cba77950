"""Stores the result of clustering: faces get their people, empty people are deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.store.database.copying import Staging
from cluster.store.locks import lock_people
from cluster.store.people.people_list import list_people

__all__ = ["assign_people", "list_people", "lock_people"]

_PLACES = Staging(
    "face_place", (("face_id", "int8"), ("seen_person_id", "int8"), ("person_id", "int8"))
)

_CREATE = text(
    """
    INSERT INTO person (pack, created_at, updated_at)
    SELECT :pack, :now, :now FROM generate_series(1, :count) RETURNING id
    """
)

# A face that was moved while clustering ran stays there. A face whose person was deleted meanwhile
# becomes ungrouped.
_PLACE = text(
    """
    UPDATE face SET person_id = p.id
    FROM face_place f LEFT JOIN person p ON p.id = f.person_id AND p.pack = :pack
    WHERE face.id = f.face_id AND face.pack = :pack AND NOT face.placed_by_user
        AND face.person_id IS NOT DISTINCT FROM f.seen_person_id
        AND face.person_id IS DISTINCT FROM p.id
        AND NOT EXISTS (SELECT FROM person h WHERE h.id = face.person_id AND h.hidden)
    """
)

_DELETE_EMPTY = text(
    """
    DELETE FROM person p
    WHERE p.pack = :pack AND p.name IS NULL
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)

_COUNT = text(
    "SELECT count(DISTINCT person_id) FROM face WHERE pack = :pack AND person_id IS NOT NULL"
)


_COUNT_GROUPED = text(
    """
    SELECT count(DISTINCT person_id), count(person_id), count(*) - count(person_id)
    FROM face WHERE pack = :pack AND verdict IS NULL
    """
)


@dataclass(frozen=True, slots=True)
class GroupedCounts:
    """The numbers of people with faces, of faces that belong to one, and of ungrouped faces."""

    people: int
    faces: int
    ungrouped: int


def assign_people(
    db: Session,
    *,
    pack: str,
    face_ids: npt.NDArray[np.int64],
    seen_person_ids: npt.NDArray[np.int64],
    person_ids: npt.NDArray[np.int64],
    now: datetime,
) -> int:
    """Assign each face to its person, and return how many people of the pack have faces.

    The three arrays are int64 (n,). `seen_person_ids` are the people that clustering read, -1 for
    an ungrouped face; a face that was moved since then stays. `person_ids` are existing ids, 0 for
    an ungrouped face, or -k for the k-th new person, which is created. Faces that a user placed,
    and those of hidden people, stay. People without a face are deleted unless they have a name.
    """
    lock_people(db)
    new = _create_people(db, person_ids, pack=pack, now=now)
    columns = (face_ids.tolist(), seen_person_ids.tolist(), person_ids.tolist())
    places = (
        (face, seen if seen > 0 else None, new.get(person, person) or None)
        for face, seen, person in zip(*columns, strict=True)
    )
    _PLACES.fill(db, places)
    db.execute(text("ANALYZE face_place"))
    db.execute(_PLACE, {"pack": pack})
    db.execute(_DELETE_EMPTY, {"pack": pack})
    return int(db.execute(_COUNT, {"pack": pack}).scalar_one())


def count_grouped(db: Session, *, pack: str) -> GroupedCounts:
    """Return the numbers of people with faces, of faces with a person, and of ungrouped faces.

    Faces with a verdict are not counted.
    """
    return GroupedCounts(*db.execute(_COUNT_GROUPED, {"pack": pack}).one())


def _create_people(
    db: Session, person_ids: npt.NDArray[np.int64], *, pack: str, now: datetime
) -> Mapping[int, int]:
    """Create a person for each negative number; return the new ids by these numbers."""
    numbers = sorted({number for number in person_ids.tolist() if number < 0}, reverse=True)
    if not numbers:
        return {}
    ids = db.execute(_CREATE, {"pack": pack, "now": now, "count": len(numbers)}).scalars()
    return dict(zip(numbers, sorted(ids), strict=True))

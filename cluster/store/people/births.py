"""Removes faces from people who were not born when the photo was taken.

One day of tolerance covers the birth itself and cameras in another time zone. A photo without a
time, or from a camera whose clock was never set, proves nothing. Faces that a user placed stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.ages import UNSET_CLOCK_DAYS
from cluster.store.locks import lock_people

_IS_EARLY = """
    NOT f.placed_by_user AND i.taken_at < CAST({birth_date} AS date) - interval '1 day'
        AND i.taken_at::date <> ALL(CAST(:unset AS date[]))
    """

_FIND = text(
    f"""
    SELECT f.id FROM face f JOIN image i ON i.id = f.image_id
    WHERE f.person_id = :person_id AND {_IS_EARLY.format(birth_date=":birth_date")} ORDER BY f.id
    """
)
_FIND_ALL = text(
    f"""
    SELECT f.id FROM person p JOIN face f ON f.person_id = p.id JOIN image i ON i.id = f.image_id
    WHERE p.pack = :pack AND p.birth_date IS NOT NULL
        AND {_IS_EARLY.format(birth_date="p.birth_date")}
    """
)
_RELEASE = text("UPDATE face SET person_id = NULL WHERE id = ANY(:ids)")


def release_before_birth(db: Session, *, pack: str) -> int:
    """Ungroup the faces of a pack in photos from before their person's birth.

    Returns how many faces became ungrouped. Clustering calls this after it has assigned people, in
    the same transaction.
    """
    lock_people(db)
    early = db.execute(_FIND_ALL, {"pack": pack, "unset": list(UNSET_CLOCK_DAYS)}).scalars().all()
    release_faces(db, early)
    return len(early)


def list_faces_before(db: Session, person_id: int, birth_date: date | None) -> list[int]:
    """Return the faces of a person in photos before a birth date, by id; none without a date."""
    key = {"person_id": person_id, "birth_date": birth_date, "unset": list(UNSET_CLOCK_DAYS)}
    return list(db.execute(_FIND, key).scalars())


def release_faces(db: Session, face_ids: Sequence[int]) -> None:
    """Make faces ungrouped; the next clustering may group them."""
    if face_ids:
        db.execute(_RELEASE, {"ids": list(face_ids)})

"""Counts the effects of a grouping on the existing people.

People and their faces are remembered at the beginning of the transaction that assigns the faces,
and compared at its end. The PEOPLE lock is held all the time, so no user's change is counted as an
effect of the grouping.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.people import PeopleChange
from cluster.store.database.copying import Staging
from cluster.store.locks import lock_people

_PEOPLE = Staging("person_before", (("person_id", "int8"),))
_FACES = Staging("face_before", (("face_id", "int8"), ("person_id", "int8")))

_LIST_PEOPLE = "SELECT id FROM person WHERE pack = :pack AND id <> ALL(:carried)"
_LIST_FACES = """
    SELECT id, person_id FROM face
    WHERE pack = :pack AND person_id IS NOT NULL AND person_id <> ALL(:carried)
    """

_COMPARE = text(
    """
    SELECT (
        SELECT count(DISTINCT f.person_id) FROM face f
        WHERE f.pack = :pack AND f.person_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM person_before p WHERE p.person_id = f.person_id)
    ) AS gained, (
        SELECT count(DISTINCT b.person_id) FROM face_before b
        WHERE NOT EXISTS (SELECT FROM face f WHERE f.person_id = b.person_id)
    ) AS lost, (
        SELECT count(*) FROM (
            SELECT FROM face_before b JOIN face f ON f.id = b.face_id
            LEFT JOIN person_before p ON p.person_id = f.person_id
            WHERE f.person_id IS NOT NULL
            GROUP BY b.person_id
            HAVING count(DISTINCT f.person_id) >= 2 AND bool_or(p.person_id IS NULL)
        ) parted
    ) AS split
    """
)

_NEWEST = text("SELECT coalesce(max(id), 0) FROM person")
_LIST_NEWER = text("SELECT id FROM person WHERE pack = :pack AND id > :after")


def find_newest_person(db: Session) -> int:
    """Return the highest id of a person of any pack; 0 when there is none."""
    return int(db.execute(_NEWEST).scalar_one())


def list_people_after(db: Session, after: int, *, pack: str) -> frozenset[int]:
    """Return the people of a pack with ids above `after`, who were created since then."""
    return frozenset(db.execute(_LIST_NEWER, {"pack": pack, "after": after}).scalars())


def remember_people(db: Session, *, pack: str, carried: Collection[int] = ()) -> None:
    """Remember the people of a pack and their faces until the transaction ends.

    `carried` are people that this grouping has already created from the decisions of other packs.
    They count as new. Call this before `assign_people`.
    """
    lock_people(db)
    key = {"pack": pack, "carried": list(carried)}
    _PEOPLE.fill_from(db, _LIST_PEOPLE, key)
    _FACES.fill_from(db, _LIST_FACES, key)


def compare_people(db: Session, *, pack: str) -> PeopleChange:
    """Return the changes to the people of a pack since `remember_people` in this transaction."""
    return PeopleChange(*db.execute(_COMPARE, {"pack": pack}).one())

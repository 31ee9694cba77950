"""The undo log: the people and faces before the last change, so that it can be undone.

One change is kept for each pack; the next change replaces it. Callers hold lock_people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.changes import ChangeKind, LastChange
from cluster.core.errors import NotFound, NotLastChange
from cluster.core.people import fold_name
from cluster.store.locks import lock_people

_FORGET = text("DELETE FROM person_change WHERE pack = :pack")

_OPEN = text(
    "INSERT INTO person_change (pack, kind, created_at) VALUES (:pack, :kind, :now) RETURNING id"
)

_KEEP_PEOPLE = text(
    """
    INSERT INTO person_change_person (change_id, person_id, name, hidden, birth_date, cover_face_id,
        version, created_at)
    SELECT :change_id, id, name, hidden, birth_date, cover_face_id, version, created_at
    FROM person WHERE id = ANY(:ids)
    """
)

_KEEP_FACES = text(
    """
    INSERT INTO person_change_face (change_id, face_id, person_id, placed_by_user)
    SELECT :change_id, id, person_id, placed_by_user FROM face WHERE id = ANY(:ids)
    """
)

_CLOSE = text(
    "UPDATE person_change SET person_id = :person_id, other_id = :other_id WHERE id = :change_id"
)

_LAST = text(
    """
    SELECT c.id, c.kind, c.created_at, c.person_id, p.name, coalesce(p.hidden, false) AS hidden,
        b.name AS name_before,
        (SELECT count(*) FROM person_change_person WHERE change_id = c.id) AS people,
        (SELECT count(*) FROM person_change_face WHERE change_id = c.id) AS faces
    FROM person_change c LEFT JOIN person p ON p.id = c.person_id
        LEFT JOIN person_change_person b ON b.change_id = c.id AND b.person_id = c.person_id
    WHERE c.pack = :pack
    """
)

_FIND = text("SELECT pack, kind, person_id, other_id FROM person_change WHERE id = :change_id")
_IS_OLD = text("SELECT EXISTS (SELECT FROM person_change WHERE id > :change_id)")
_BEFORE = text("SELECT * FROM person_change_person WHERE change_id = :change_id ORDER BY person_id")

_RENAME_BACK = text(
    """
    UPDATE person SET name = :name, name_key = :name_key, hidden = :hidden,
        birth_date = :birth_date,
        cover_face_id = (SELECT id FROM face WHERE id = :cover_face_id),
        version = version + 1, updated_at = :now
    WHERE id = :person_id RETURNING id
    """
)

_BRING_BACK = text(
    """
    INSERT INTO person (id, pack, name, name_key, hidden, birth_date, cover_face_id, version,
        created_at, updated_at)
    VALUES (:person_id, :pack, :name, :name_key, :hidden, :birth_date,
        (SELECT id FROM face WHERE id = :cover_face_id), :version + 1, :created_at, :now)
    """
)

_MOVE_BACK = text(
    """
    UPDATE face SET person_id = p.id, placed_by_user = b.placed_by_user
    FROM person_change_face b LEFT JOIN person p ON p.id = b.person_id
    WHERE b.change_id = :change_id AND face.id = b.face_id
    """
)

_DELETE_EMPTY = text(
    """
    DELETE FROM person p WHERE p.id = ANY(:ids)
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)


@dataclass(frozen=True, slots=True)
class Undone:
    """The id of an undo, and the ids of the people that it changed."""

    change_id: int
    person_ids: tuple[int, ...]


def open_change(
    db: Session,
    kind: ChangeKind,
    *,
    pack: str,
    person_ids: Sequence[int],
    face_ids: Sequence[int] = (),
    now: datetime,
) -> int:
    """Store these people and faces as they are now, and return the id of the new change."""
    db.execute(_FORGET, {"pack": pack})
    change_id: int = db.execute(_OPEN, {"pack": pack, "kind": kind, "now": now}).scalar_one()
    if person_ids:
        db.execute(_KEEP_PEOPLE, {"change_id": change_id, "ids": list(person_ids)})
    if face_ids:
        db.execute(_KEEP_FACES, {"change_id": change_id, "ids": list(face_ids)})
    return change_id


def close_change(
    db: Session, change_id: int, *, person_id: int | None, other_id: int | None = None
) -> None:
    """Store the people that the change leaves: `person_id`, which its summary names, and another.

    The change is deleted when one of them is.
    """
    db.execute(_CLOSE, {"change_id": change_id, "person_id": person_id, "other_id": other_id})


def find_last_change(db: Session, *, pack: str) -> LastChange | None:
    """Return the newest change to the people of a pack; None when there is none."""
    row = db.execute(_LAST, {"pack": pack}).first()
    if row is None:
        return None
    return LastChange(
        id=row.id,
        kind=ChangeKind(row.kind),
        created_at=row.created_at,
        person_name=None if row.person_id is None else row.name or f"person {row.person_id}",
        name_before=row.name_before,
        name=row.name,
        hidden=row.hidden,
        people=row.people,
        faces=row.faces,
    )


def undo_change(db: Session, change_id: int, *, now: datetime) -> Undone:
    """Restore people and faces as they were before the last change; return the undo.

    Deleted people come back with their ids, people that the change created are deleted, and faces
    that were erased since then stay erased. Raises NotFound, or NotLastChange for any other change.
    """
    lock_people(db)
    key = {"change_id": change_id}
    change = db.execute(_FIND, key).first()
    if change is None and not db.execute(_IS_OLD, key).scalar_one():
        raise NotFound("change", change_id)
    if change is None or change.kind == ChangeKind.UNDO:
        raise NotLastChange(change_id)
    before = _restore_people(db, change_id, pack=change.pack, now=now)
    db.execute(_MOVE_BACK, key)
    left = {change.person_id, change.other_id} - {None, *before}
    undo_id = open_change(db, ChangeKind.UNDO, pack=change.pack, person_ids=(), now=now)
    db.execute(_DELETE_EMPTY, {"ids": list(left)})
    close_change(db, undo_id, person_id=before[0] if before else None)
    return Undone(undo_id, (*before, *left))


def _restore_people(db: Session, change_id: int, *, pack: str, now: datetime) -> list[int]:
    """Restore names and flags, of existing people first, so that no name is in use twice."""
    before = [
        {**row, "name_key": fold_name(row["name"]) if row["name"] else None, "now": now}
        for row in db.execute(_BEFORE, {"change_id": change_id}).mappings()
    ]
    gone = [row for row in before if db.execute(_RENAME_BACK, row).scalar() is None]
    for row in gone:
        db.execute(_BRING_BACK, {**row, "pack": pack})
    return [row["person_id"] for row in before]

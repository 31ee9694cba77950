"""The undo log: the people and faces before each change, so that it can be undone.

The newest KEPT_CHANGES changes of a pack are kept. They are undone one by one, the newest first; an
undone change stays in the log and is marked. Callers hold lock_people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import NameTaken, NotFound, NotLastChange
from cluster.core.identity.changes import ChangeKind, PastChange
from cluster.core.identity.faces import FaceVerdict
from cluster.core.identity.people import fold_name
from cluster.store.locks import lock_people
from cluster.store.people.change_history import find_last_change
from cluster.store.people.people_list import get_person

KEPT_CHANGES = 50
"""The number of changes of a pack that can be undone; as many undone ones are kept as well."""

_PRUNE = text(
    """
    DELETE FROM person_change WHERE id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (
                PARTITION BY undone_at IS NULL AND kind <> 'undo' ORDER BY id DESC
            ) AS place
            FROM person_change WHERE pack = :pack
        ) ranked WHERE place > :kept
    )
    """
)

_OPEN = text(
    """
    INSERT INTO person_change (pack, kind, verdict, created_at)
    VALUES (:pack, :kind, :verdict, :now) RETURNING id
    """
)

_KEEP_PEOPLE = text(
    """
    INSERT INTO person_change_person
        (change_id, person_id, name, hidden, birth_date, cover_face_id, version, created_at)
    SELECT :change_id, id, name, hidden, birth_date, cover_face_id, version, created_at
    FROM person WHERE id = ANY(:ids)
    """
)

_KEEP_FACES = text(
    """
    INSERT INTO person_change_face (change_id, face_id, person_id, placed_by_user, verdict)
    SELECT :change_id, id, person_id, placed_by_user, verdict FROM face WHERE id = ANY(:ids)
    """
)

_CLOSE = text(
    "UPDATE person_change SET person_id = :person_id, other_id = :other_id WHERE id = :change_id"
)

_FIND = text("SELECT pack, person_id, other_id FROM person_change WHERE id = :change_id")
_IS_OLD = text("SELECT EXISTS (SELECT FROM person_change WHERE id > :change_id)")
_BEFORE = text(
    """
    SELECT b.person_id, b.name, p.id IS NULL AS is_gone
    FROM person_change_person b LEFT JOIN person p ON p.id = b.person_id
    WHERE b.change_id = :change_id ORDER BY b.person_id
    """
)
_NAMESAKE = text(
    """
    SELECT id FROM person
    WHERE pack = :pack AND name_key = ANY(:keys) AND id <> ALL(:ids) LIMIT 1
    """
)

# A cover that was erased in the meantime does not come back.
_COVER = "(SELECT id FROM face WHERE id = b.cover_face_id)"
_KEYS = """
    person_change_person b
        JOIN unnest(CAST(:ids AS bigint[]), CAST(:keys AS text[])) AS k (id, name_key)
        ON k.id = b.person_id
    """

_RENAME_BACK = text(
    f"""
    UPDATE person SET name = b.name, name_key = k.name_key, hidden = b.hidden,
        birth_date = b.birth_date, cover_face_id = {_COVER}, version = person.version + 1,
        updated_at = :now
    FROM {_KEYS} WHERE b.change_id = :change_id AND person.id = b.person_id
    """
)

_BRING_BACK = text(
    f"""
    INSERT INTO person (id, pack, name, name_key, hidden, birth_date, cover_face_id, version,
        created_at, updated_at)
    SELECT b.person_id, :pack, b.name, k.name_key, b.hidden, b.birth_date, {_COVER}, b.version + 1,
        b.created_at, :now
    FROM {_KEYS} WHERE b.change_id = :change_id
        AND NOT EXISTS (SELECT FROM person WHERE person.id = b.person_id)
    """
)

# The log does not store when a user had placed a face before; an earlier change may show the time.
_MOVE_BACK = text(
    """
    UPDATE face SET person_id = p.id, placed_by_user = b.placed_by_user, verdict = b.verdict,
        placed_at = CASE WHEN b.placed_by_user THEN (
            SELECT max(c.created_at) FROM person_change_face m
                JOIN person_change c ON c.id = m.change_id
            WHERE m.face_id = b.face_id AND c.undone_at IS NULL AND c.id < :change_id
        ) END
    FROM person_change_face b LEFT JOIN person p ON p.id = b.person_id
    WHERE b.change_id = :change_id AND face.id = b.face_id
    """
)

_TAKE_ANSWERS_BACK = text("DELETE FROM face_answer WHERE change_id = :change_id")
_MARK_UNDONE = text("UPDATE person_change SET undone_at = :now WHERE id = :change_id")

_DELETE_EMPTY = text(
    """
    DELETE FROM person p WHERE (p.id = ANY(:made) OR p.id = ANY(:gone) AND p.name IS NULL)
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)


@dataclass(frozen=True, slots=True)
class Undone:
    """An undone change, as it was before, and the ids of the people that it changed."""

    pack: str
    change: PastChange
    person_ids: tuple[int, ...]

    @property
    def change_id(self) -> int:
        """The id of the undone change."""
        return self.change.id


def open_change(
    db: Session,
    kind: ChangeKind,
    *,
    pack: str,
    person_ids: Sequence[int],
    face_ids: Sequence[int] = (),
    verdict: FaceVerdict | None = None,
    now: datetime,
) -> int:
    """Log the present state of people and faces, and return the id of the new change.

    `verdict` is for the summary. The oldest changes of the pack are deleted.
    """
    key = {"pack": pack, "kind": kind, "verdict": verdict, "now": now}
    change_id: int = db.execute(_OPEN, key).scalar_one()
    db.execute(_PRUNE, {"pack": pack, "kept": KEPT_CHANGES})
    if person_ids:
        db.execute(_KEEP_PEOPLE, {"change_id": change_id, "ids": list(person_ids)})
    if face_ids:
        db.execute(_KEEP_FACES, {"change_id": change_id, "ids": list(face_ids)})
    return change_id


def close_change(
    db: Session, change_id: int, *, person_id: int | None, other_id: int | None = None
) -> None:
    """Store the remaining people of a change: `person_id`, named in its summary, and another.

    The change is deleted when one of them is erased.
    """
    db.execute(_CLOSE, {"change_id": change_id, "person_id": person_id, "other_id": other_id})


def undo_change(db: Session, change_id: int, *, now: datetime) -> Undone:
    """Restore people and faces as they were before the newest change that is not undone.

    Deleted people come back with their ids, people that the change created are deleted, its answers
    are taken back, and faces that were erased in the meantime stay erased. Raises NotFound,
    NotLastChange for any other change, or NameTaken if a name is in use now.
    """
    lock_people(db)
    key = {"change_id": change_id}
    row = db.execute(_FIND, key).first()
    if row is None and not db.execute(_IS_OLD, key).scalar_one():
        raise NotFound("change", change_id)
    change = None if row is None else find_last_change(db, pack=row.pack)
    if row is None or change is None or change.id != change_id:
        raise NotLastChange(change_id)
    before, gone = _restore_people(db, change_id, pack=row.pack, now=now)
    db.execute(_MOVE_BACK, key)
    db.execute(_TAKE_ANSWERS_BACK, key)
    made = {row.person_id, row.other_id} - {None, *before}
    db.execute(_DELETE_EMPTY, {"made": list(made), "gone": gone})
    db.execute(_MARK_UNDONE, {**key, "now": now})
    return Undone(row.pack, change, (*before, *made))


def _restore_people(
    db: Session, change_id: int, *, pack: str, now: datetime
) -> tuple[list[int], list[int]]:
    """Restore people, existing ones first, so that no name occurs twice.

    Returns the ids of all people of the change, and of the ones that were restored.
    """
    before = db.execute(_BEFORE, {"change_id": change_id}).all()
    ids = [row.person_id for row in before]
    keys = [fold_name(row.name) if row.name else None for row in before]
    namesake = db.execute(_NAMESAKE, {"pack": pack, "keys": keys, "ids": ids}).scalar()
    if namesake is not None:
        raise NameTaken(get_person(db, namesake))
    restored = {"change_id": change_id, "ids": ids, "keys": keys, "now": now}
    db.execute(_RENAME_BACK, restored)
    db.execute(_BRING_BACK, {**restored, "pack": pack})
    return ids, [row.person_id for row in before if row.is_gone]

"""Moves faces at the request of a user to another person, to a new one, or to no person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import FacesElsewhere, ImpossibleChange
from cluster.core.identity.changes import ChangeKind, Elsewhere, Moved
from cluster.core.identity.people import PersonSummary
from cluster.store.locks import lock_people
from cluster.store.people.claims import claim_person, touch_people
from cluster.store.people.people_list import get_person, load_people
from cluster.store.people.undo_log import close_change, open_change

_THERE = text(
    """
    SELECT id FROM face
    WHERE id = ANY(:ids) AND pack = :pack AND person_id IS NOT DISTINCT FROM :person_id
        AND verdict IS NULL
    """
)

_ADD_PERSON = text(
    "INSERT INTO person (pack, created_at, updated_at) VALUES (:pack, :now, :now) RETURNING id"
)

_PLACE = text(
    """
    UPDATE face SET person_id = :id, placed_by_user = true, placed_at = :now
    WHERE id = ANY(:face_ids)
    """
)

_DELETE_IF_EMPTY = text(
    "DELETE FROM person WHERE id = :id AND NOT EXISTS (SELECT FROM face WHERE person_id = :id)"
)


def move_faces(
    db: Session,
    source_id: int,
    face_ids: Sequence[int],
    *,
    to: int | Elsewhere,
    version: int,
    now: datetime,
) -> Moved:
    """Move faces of a person to another person, to a new one, or to no person.

    Clustering then leaves the faces in place. A person without a remaining face is deleted with its
    name, until the change is undone. Raises NotFound, StaleVersion, ImpossibleChange, or
    FacesElsewhere when a face does not belong to the person.
    """
    lock_people(db)
    source = claim_person(db, source_id, version=version, now=now)
    target = _find_target(db, to, pack=source.pack)
    if to == source_id:
        raise ImpossibleChange("The faces already belong to that person.")
    _check_faces(db, face_ids, pack=source.pack, person_id=source_id)
    before = [source_id] if target is None else [source_id, target.id]
    change_id = open_change(
        db, ChangeKind.MOVE, pack=source.pack, person_ids=before, face_ids=face_ids, now=now
    )
    target_id = _place(db, face_ids, to=to, pack=source.pack, now=now)
    db.execute(_DELETE_IF_EMPTY, {"id": source_id})
    left = load_people(db, [one for one in (source_id, target_id) if one is not None])
    other_id = source_id if source_id in left else None
    close_change(db, change_id, person_id=target_id, other_id=other_id)
    return Moved(left.get(source_id), left[target_id] if target_id else None, change_id)


def move_ungrouped_faces(
    db: Session,
    face_ids: Sequence[int],
    *,
    to: int | Elsewhere,
    pack: str,
    now: datetime,
    kind: ChangeKind = ChangeKind.MOVE,
) -> Moved:
    """Move ungrouped faces of a pack to a person or to a new one, where clustering leaves them.

    Raises NotFound, ImpossibleChange, or FacesElsewhere when a face belongs to a person or was set
    aside.
    """
    lock_people(db)
    if to is Elsewhere.UNGROUPED:
        raise ImpossibleChange("The faces are already ungrouped.")
    target = _find_target(db, to, pack=pack)
    _check_faces(db, face_ids, pack=pack, person_id=None)
    before = [] if target is None else [target.id]
    change_id = open_change(db, kind, pack=pack, person_ids=before, face_ids=face_ids, now=now)
    target_id = _place(db, face_ids, to=to, pack=pack, now=now)
    close_change(db, change_id, person_id=target_id)
    return Moved(None, get_person(db, target_id) if target_id else None, change_id)


def _find_target(db: Session, to: int | Elsewhere, *, pack: str) -> PersonSummary | None:
    if isinstance(to, Elsewhere):
        return None
    target = get_person(db, to)
    if target.pack != pack:
        raise ImpossibleChange(f"Person {to} was found with another pack, {target.pack}.")
    return target


def _check_faces(db: Session, face_ids: Sequence[int], *, pack: str, person_id: int | None) -> None:
    key = {"ids": list(face_ids), "pack": pack, "person_id": person_id}
    missing = set(face_ids) - set(db.execute(_THERE, key).scalars())
    if missing:
        raise FacesElsewhere(missing)


def _place(
    db: Session, face_ids: Sequence[int], *, to: int | Elsewhere, pack: str, now: datetime
) -> int | None:
    """Place the faces, and return the id of the new or changed person; None for ungrouped faces."""
    if to is Elsewhere.NEW:
        target_id: int | None = db.execute(_ADD_PERSON, {"pack": pack, "now": now}).scalar_one()
    elif to is Elsewhere.UNGROUPED:
        target_id = None
    else:
        target_id = int(to)
        touch_people(db, [target_id], now=now)
    db.execute(_PLACE, {"id": target_id, "face_ids": list(face_ids), "now": now})
    return target_id

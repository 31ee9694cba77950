"""Lets a user choose the cover of a person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import FacesElsewhere
from cluster.core.identity.changes import Changed, ChangeKind
from cluster.store.locks import lock_people
from cluster.store.people.claims import claim_person
from cluster.store.people.people_list import get_person
from cluster.store.people.undo_log import close_change, open_change

_IS_THERE = text("SELECT EXISTS (SELECT FROM face WHERE id = :face_id AND person_id = :id)")
_CHOSEN = text("SELECT cover_face_id FROM person WHERE id = :id")
_CHOOSE = text("UPDATE person SET cover_face_id = :face_id WHERE id = :id")


def choose_cover(
    db: Session, person_id: int, face_id: int | None, *, version: int, now: datetime
) -> Changed:
    """Make a face the cover of its person; None leaves the choice to Headcount again.

    The cover stays as long as the face belongs to the person, also after another grouping. Raises
    NotFound, StaleVersion, or FacesElsewhere when the face does not belong to the person.
    """
    lock_people(db)
    person = get_person(db, person_id)
    key = {"id": person_id, "face_id": face_id}
    if face_id is not None and not db.execute(_IS_THERE, key).scalar_one():
        raise FacesElsewhere([face_id])
    if db.execute(_CHOSEN, key).scalar() == face_id:
        return Changed(person, None)
    claim_person(db, person_id, version=version, now=now)
    change_id = open_change(db, ChangeKind.COVER, pack=person.pack, person_ids=[person_id], now=now)
    db.execute(_CHOOSE, key)
    close_change(db, change_id, person_id=person_id)
    return Changed(get_person(db, person_id), change_id)

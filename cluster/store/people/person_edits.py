"""Names, hides and merges people at the request of a user.

Each change is one transaction under the lock that clustering takes too. It is valid only for the
version that the client saw, so that no change of another client is lost. All faces of merged people
become `placed_by_user`, so that clustering leaves them there. A name does not fix any face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import ImpossibleChange, NameTaken
from cluster.core.identity.changes import Changed, ChangeKind, Hidden, PersonEdit
from cluster.core.identity.people import PersonSummary, fold_name
from cluster.store.locks import lock_people
from cluster.store.people.answer_rows import move_answers
from cluster.store.people.births import list_faces_before, release_faces
from cluster.store.people.claims import claim_people, claim_person
from cluster.store.people.people_list import get_people, get_person
from cluster.store.people.undo_log import close_change, open_change

_EDIT = text(
    """
    UPDATE person SET name = :name, name_key = :name_key, hidden = :hidden,
        birth_date = :birth_date
    WHERE id = :id
    """
)

_HIDE = text("UPDATE person SET hidden = :hidden WHERE id = ANY(:ids)")

_NAMESAKE = text(
    "SELECT id FROM person WHERE pack = :pack AND name_key = :name_key AND id <> :id LIMIT 1"
)

_FACES_OF = text("SELECT id FROM face WHERE person_id = ANY(:ids)")
_PLACE = text(
    """
    UPDATE face SET person_id = :id, placed_by_user = true, placed_at = :now
    WHERE id = ANY(:face_ids)
    """
)
_DELETE = text("DELETE FROM person WHERE id = ANY(:ids)")


def edit_person(
    db: Session, person_id: int, edit: PersonEdit, *, version: int, now: datetime
) -> Changed:
    """Set or remove a person's name and birth date, hide or show the person.

    An edit without effect does nothing. With a birth date, faces in earlier photos leave the person
    at once. Raises NotFound, StaleVersion, NameTaken with the other person, or ImpossibleChange for
    a birth date in the future.
    """
    lock_people(db)
    person = get_person(db, person_id)
    after = _apply(edit, person)
    if after == person:
        return Changed(person, None)
    claim_person(db, person_id, version=version, now=now)
    _check_name_is_free(db, after.name, person)
    _check_is_born(after.birth_date, now=now)
    is_dated = after.birth_date not in (None, person.birth_date)
    early = list_faces_before(db, person_id, after.birth_date) if is_dated else []
    change_id = open_change(
        db,
        _kind_of(edit, person, after),
        pack=person.pack,
        person_ids=[person_id],
        face_ids=early,
        now=now,
    )
    _store(db, after)
    release_faces(db, early)
    close_change(db, change_id, person_id=person_id)
    return Changed(get_person(db, person_id), change_id)


def hide_people(db: Session, versions: Mapping[int, int], *, hidden: bool, now: datetime) -> Hidden:
    """Hide people of one pack, or show them again; people already in that state do not change.

    `versions` holds the version of each person. Raises NotFound, StaleVersion or ImpossibleChange.
    """
    lock_people(db)
    people = get_people(db, list(versions))
    if len({person.pack for person in people}) > 1:
        raise ImpossibleChange("People of different packs cannot be hidden in one change.")
    others = [person.id for person in people if person.hidden != hidden]
    if not others:
        return Hidden(tuple(people), None)
    claim_people(db, {one: versions[one] for one in others}, now=now)
    pack = people[0].pack
    change_id = open_change(db, ChangeKind.HIDE, pack=pack, person_ids=others, now=now)
    db.execute(_HIDE, {"ids": others, "hidden": hidden})
    close_change(db, change_id, person_id=others[0])
    return Hidden(tuple(get_people(db, list(versions))), change_id)


def _apply(edit: PersonEdit, person: PersonSummary) -> PersonSummary:
    return replace(
        person,
        name=edit.name if edit.kind is ChangeKind.RENAME else person.name,
        hidden=person.hidden if edit.hidden is None else edit.hidden,
        birth_date=edit.birth_date if edit.sets_birth_date else person.birth_date,
    )


def _kind_of(edit: PersonEdit, before: PersonSummary, after: PersonSummary) -> ChangeKind:
    """Return the kind of an edit; BIRTH_DATE only if nothing else has changed."""
    is_alone = (after.name, after.hidden) == (before.name, before.hidden)
    return ChangeKind.BIRTH_DATE if is_alone else edit.kind


def _check_is_born(birth_date: date | None, *, now: datetime) -> None:
    if birth_date is not None and birth_date > now.astimezone().date():
        raise ImpossibleChange(f"The birth date {birth_date} is in the future.")


def merge_people(
    db: Session,
    person_id: int,
    other_ids: Sequence[int],
    *,
    versions: Mapping[int, int],
    now: datetime,
    kind: ChangeKind = ChangeKind.MERGE,
) -> Changed:
    """Move all faces of the other people to one person, and delete the other people.

    The person keeps its name and its birth date, or else gets the first ones of the others. Answers
    about the others apply to it. `versions` holds the version of each person. Raises NotFound,
    StaleVersion or ImpossibleChange.
    """
    lock_people(db)
    ids = list(dict.fromkeys([person_id, *other_ids]))
    people = [claim_person(db, one, version=versions.get(one), now=now) for one in ids]
    if len(ids) < 2 or len({person.pack for person in people}) > 1:
        raise ImpossibleChange("A merge needs two or more people of one pack.")
    face_ids = db.execute(_FACES_OF, {"ids": ids}).scalars().all()
    change_id = open_change(
        db, kind, pack=people[0].pack, person_ids=ids, face_ids=face_ids, now=now
    )
    db.execute(_PLACE, {"id": person_id, "face_ids": face_ids, "now": now})
    move_answers(db, ids[1:], to=person_id)
    db.execute(_DELETE, {"ids": ids[1:]})
    name = next((person.name for person in people if person.name), None)
    birth_date = next((person.birth_date for person in people if person.birth_date), None)
    _store(db, replace(people[0], name=name, birth_date=birth_date))
    close_change(db, change_id, person_id=person_id)
    return Changed(get_person(db, person_id), change_id)


def _store(db: Session, person: PersonSummary) -> None:
    values = {
        "id": person.id,
        "name": person.name,
        "name_key": None if person.name is None else fold_name(person.name),
        "hidden": person.hidden,
        "birth_date": person.birth_date,
    }
    db.execute(_EDIT, values)


def _check_name_is_free(db: Session, name: str | None, person: PersonSummary) -> None:
    if name is None or name == person.name:
        return
    key = {"pack": person.pack, "name_key": fold_name(name), "id": person.id}
    namesake = db.execute(_NAMESAKE, key).scalar()
    if namesake is not None:
        raise NameTaken(get_person(db, namesake))

"""Records the answers of users to the question whether two faces are the same person.

An answer is a change that can be undone, in one transaction. A yes merges two people, moves an
ungrouped face to a person, or creates a person from two ungrouped faces. A no and a not sure change
no face; a no is permanent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import (
    FacesElsewhere,
    ImpossibleChange,
    NamesDiffer,
    NotFound,
    StaleVersion,
)
from cluster.core.identity.changes import Answer, ChangeKind, Elsewhere
from cluster.core.identity.people import PersonSummary, fold_name
from cluster.core.identity.same_person import Answered, GivenAnswer
from cluster.store.locks import lock_people
from cluster.store.people.answer_rows import add_answer
from cluster.store.people.face_moves import move_ungrouped_faces
from cluster.store.people.people_list import load_people
from cluster.store.people.person_edits import merge_people
from cluster.store.people.undo_log import close_change, open_change

_FIND = text("SELECT id, pack, person_id, verdict FROM face WHERE id = ANY(:ids)")
_COUNT = text("SELECT count(*) FROM face WHERE person_id = :id")


@dataclass(frozen=True, slots=True)
class _FaceRow:
    pack: str
    person_id: int | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class _Side:
    """A face, and its person; `faces` counts those of the person, missing photos included."""

    face_id: int
    pack: str
    person: PersonSummary | None
    faces: int


def record_answer(db: Session, given: GivenAnswer, *, now: datetime) -> Answered:
    """Store and apply an answer; return the resulting people of both sides.

    Raises NotFound, ImpossibleChange if the faces cannot belong to one person, NamesDiffer if a yes
    would lose a name without a choice, StaleVersion, or FacesElsewhere if a face has another person
    than the client saw or has been set aside, or if both have the same person already.
    """
    lock_people(db)
    first, second = _find_sides(db, given)
    _check_seen(given, (first, second))
    act = _unite if given.answer is Answer.YES else _leave
    change_id = act(db, given, (first, second), now=now)
    add_answer(db, given, faces=(first.faces, second.faces), change_id=change_id, now=now)
    after = _find_faces(db, given)
    ids = dict.fromkeys(row.person_id for row in after.values() if row.person_id is not None)
    people = load_people(db, list(ids))
    return Answered(tuple(people[one] for one in ids), change_id)


def _find_faces(db: Session, given: GivenAnswer) -> dict[int, _FaceRow]:
    rows = db.execute(_FIND, {"ids": [given.first_face_id, given.second_face_id]})
    return {row.id: _FaceRow(row.pack, row.person_id, row.verdict) for row in rows}


def _find_sides(db: Session, given: GivenAnswer) -> tuple[_Side, _Side]:
    """Return the sides of the two faces. Raises NotFound, ImpossibleChange, FacesElsewhere."""
    rows = _find_faces(db, given)
    ids = (given.first_face_id, given.second_face_id)
    for face_id in ids:
        if face_id not in rows:
            raise NotFound("face", face_id)
    first, second = (rows[face_id] for face_id in ids)
    if ids[0] == ids[1] or first.pack != second.pack:
        raise ImpossibleChange("An answer is about two faces of one pack.")
    aside = [face_id for face_id in ids if rows[face_id].verdict is not None]
    if aside or (first.person_id is not None and first.person_id == second.person_id):
        raise FacesElsewhere(aside or ids)
    people = load_people(db, [row.person_id for row in (first, second) if row.person_id])
    one, two = (
        _Side(face_id, row.pack, people.get(row.person_id or 0), _count(db, row.person_id))
        for face_id, row in zip(ids, (first, second), strict=True)
    )
    return one, two


def _count(db: Session, person_id: int | None) -> int:
    return 1 if person_id is None else int(db.execute(_COUNT, {"id": person_id}).scalar_one())


def _check_seen(given: GivenAnswer, sides: Sequence[_Side]) -> None:
    """Check that the people and their versions are those that the client saw."""
    if given.versions is None:
        return
    for side in sides:
        if side.person is None:
            continue
        if side.person.id not in given.versions:
            raise FacesElsewhere([side.face_id])
        if side.person.version != given.versions[side.person.id]:
            raise StaleVersion(side.person)
    present = {side.person.id for side in sides if side.person is not None}
    if set(given.versions) - present:
        raise FacesElsewhere([side.face_id for side in sides])


def _leave(db: Session, given: GivenAnswer, sides: Sequence[_Side], *, now: datetime) -> int:
    """Record a change that changes no face; return its id."""
    ids = [side.person.id for side in sides if side.person is not None]
    pack = sides[0].pack
    change_id = open_change(db, ChangeKind.ANSWER, pack=pack, person_ids=ids, now=now)
    person_id, other_id, *_ = (*ids, None, None)
    close_change(db, change_id, person_id=person_id, other_id=other_id)
    return change_id


def _unite(db: Session, given: GivenAnswer, sides: Sequence[_Side], *, now: datetime) -> int:
    """Unite both sides in one person; return the id of the change."""
    people = [side.person for side in sides if side.person is not None]
    if len(people) == 2:
        kept, other = _order(people, keep_name=given.keep_name)
        versions = {person.id: person.version for person in people}
        merged = merge_people(
            db, kept.id, [other.id], versions=versions, now=now, kind=ChangeKind.ANSWER
        )
        assert merged.change_id is not None
        return merged.change_id
    faces = [side.face_id for side in sides if side.person is None]
    target: int | Elsewhere = people[0].id if people else Elsewhere.NEW
    pack, kind = sides[0].pack, ChangeKind.ANSWER
    return move_ungrouped_faces(db, faces, to=target, pack=pack, now=now, kind=kind).change_id


def _order(
    people: Sequence[PersonSummary], *, keep_name: str | None
) -> tuple[PersonSummary, PersonSummary]:
    """Return the person that stays and the other one: a named person stays, else the larger one.

    Raises NamesDiffer if both have names and `keep_name` is None, ImpossibleChange if it is neither
    name.
    """
    names = [person.name for person in people if person.name is not None]
    if keep_name is not None and fold_name(keep_name) not in map(fold_name, names):
        raise ImpossibleChange(f"Neither of the two is called {keep_name}.")
    if len(names) == 2 and keep_name is None:
        raise NamesDiffer(names)
    wanted = None if keep_name is None else fold_name(keep_name)
    first, second = sorted(
        people,
        key=lambda one: (
            one.name is None or (wanted is not None and fold_name(one.name) != wanted),
            -one.faces,
            one.id,
        ),
    )
    return first, second

"""Routes that change people, list these changes, and undo them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cluster.core.errors import (
    FacesElsewhere,
    ImpossibleChange,
    NameTaken,
    NotFound,
    NotLastChange,
    StaleVersion,
)
from cluster.store.database.engine import begin
from cluster.store.people.change_history import find_last_change, list_changes
from cluster.store.people.cover_choice import choose_cover
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.people_list import load_people
from cluster.store.people.person_edits import edit_person, hide_people, merge_people
from cluster.store.people.undo_log import KEPT_CHANGES, undo_change
from serve.bodies.people_bodies import PersonBody
from serve.bodies.people_change_bodies import (
    ChangedBody,
    CoverBody,
    EditBody,
    HiddenBody,
    HideBody,
    MergeBody,
    MovedBody,
    PastChangeBody,
    PastChangesBody,
    PlaceBody,
    SplitBody,
    UndoneBody,
)
from serve.documented_errors import bodies, changes
from serve.pack_choice import PackName
from serve.parts import Id, Parts

router = APIRouter(prefix="/people", tags=["people"])

_MOVES = (NotFound, FacesElsewhere, ImpossibleChange)


HistoryLimit = Annotated[int, Query(ge=1, le=2 * KEPT_CHANGES)]


# These paths have one segment more than /people/{person_id}, so its methods do not match them.
@router.get("/changes/newest")
def show_changes(
    parts: Parts, pack: PackName, limit: HistoryLimit = KEPT_CHANGES
) -> PastChangesBody:
    """List the changes that users made to the people of a pack, the newest first.

    The newest 50 changes are kept, and as many undone ones.
    """
    with begin(parts.engine) as db:
        changes = list_changes(db, pack=pack, limit=limit)
    return PastChangesBody(changes=[PastChangeBody.from_change(change) for change in changes])


@router.get("/changes/last")
def show_last_change(parts: Parts, pack: PackName) -> PastChangeBody | None:
    """Show the change of a pack that can be undone next; null if there is none.

    The status is 200 in both cases, because browsers log each 404 as an error.
    """
    with begin(parts.engine) as db:
        change = find_last_change(db, pack=pack)
    return None if change is None else PastChangeBody.from_change(change)


@router.post("/changes/{change_id}/undo", responses=changes(NotFound, NotLastChange, NameTaken))
def undo(change_id: Id, parts: Parts) -> UndoneBody:
    """Undo a change. 409 unless it is the newest change of its pack that is not undone.

    People that the change removed come back with their ids, names and faces. The change before it
    can be undone next.
    """
    with begin(parts.engine) as db:
        undone = undo_change(db, change_id, now=parts.now())
        people = load_people(db, undone.person_ids)
        following = find_last_change(db, pack=undone.pack)
    return UndoneBody(
        people=[PersonBody.from_person(people[i]) for i in undone.person_ids if i in people],
        change_id=undone.change_id,
        summary=undone.change.summary,
        next=None if following is None else PastChangeBody.from_change(following),
    )


@router.post("/several/hide", responses=bodies(NotFound, StaleVersion, ImpossibleChange))
def hide(body: HideBody, parts: Parts) -> HiddenBody:
    """Hide people, or show them again, in one change."""
    with begin(parts.engine) as db:
        hidden = hide_people(db, body.versions, hidden=body.is_hidden, now=parts.now())
    return HiddenBody(
        people=[PersonBody.from_person(person) for person in hidden.people],
        change_id=hidden.change_id,
    )


@router.post("/ungrouped/split", responses=bodies(*_MOVES))
def place_faces(body: PlaceBody, parts: Parts, pack: PackName) -> MovedBody:
    """Move ungrouped faces to a person, or to a new one. Clustering leaves them there."""
    with begin(parts.engine) as db:
        moved = move_ungrouped_faces(db, body.face_ids, to=body.target, pack=pack, now=parts.now())
    return MovedBody.from_move(moved)


@router.patch("/{person_id}", responses=bodies(NotFound, StaleVersion, NameTaken, ImpossibleChange))
def edit(person_id: Id, body: EditBody, parts: Parts) -> ChangedBody:
    """Name a person, hide or show it, set its birth date, or remove its name or birth date.

    409 `stale-version` with `current` if the person has changed since. 409 `name-taken` with
    `otherPersonId`, `otherName` and its `version` if another person has the name; a client may then
    offer to merge the two.
    """
    with begin(parts.engine) as db:
        changed = edit_person(db, person_id, body.to_edit(), version=body.version, now=parts.now())
    return ChangedBody.from_change(changed)


@router.put("/{person_id}/cover", responses=bodies(NotFound, StaleVersion, FacesElsewhere))
def put_cover(person_id: Id, body: CoverBody, parts: Parts) -> ChangedBody:
    """Choose one of a person's faces as the cover; null makes it the best face again.

    The cover stays when the faces are grouped again, as long as the face belongs to the person.
    """
    with begin(parts.engine) as db:
        changed = choose_cover(db, person_id, body.face_id, version=body.version, now=parts.now())
    return ChangedBody.from_change(changed)


@router.post("/{person_id}/merge", responses=bodies(NotFound, StaleVersion, ImpossibleChange))
def merge(person_id: Id, body: MergeBody, parts: Parts) -> ChangedBody:
    """Move all faces of other people to this person. The others are removed; an undo restores them.

    The person keeps its name, or gets the first name among the others. Clustering does not split
    the merged person again.
    """
    with begin(parts.engine) as db:
        changed = merge_people(
            db, person_id, body.other_ids, versions=body.versions, now=parts.now()
        )
    return ChangedBody.from_change(changed)


@router.post("/{person_id}/split", responses=bodies(*_MOVES, StaleVersion))
def split(person_id: Id, body: SplitBody, parts: Parts) -> MovedBody:
    """Move faces of this person to another or a new person, or leave them ungrouped.

    Clustering leaves them there. A person without a remaining face is removed; an undo restores it.
    """
    with begin(parts.engine) as db:
        moved = move_faces(
            db,
            person_id,
            body.face_ids,
            to=body.target,
            version=body.version,
            now=parts.now(),
        )
    return MovedBody.from_move(moved)

"""Routes that list people, their faces, and the ungrouped faces."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from cluster.core.errors import NotFound
from cluster.core.identity.faces import FaceVerdict
from cluster.core.identity.people import FaceInfo
from cluster.store.database.engine import begin
from cluster.store.people.people_list import PeopleFilter, get_person, page_people
from cluster.store.photos.person_history import get_history
from cluster.store.photos.stored_pictures import (
    count_faces_of_person,
    count_set_aside_faces,
    count_ungrouped_faces,
    list_faces_of_person,
    list_ungrouped_faces,
)
from serve.bodies.people_bodies import FaceBody, FacesBody, PeopleBody, PersonBody
from serve.bodies.person_history_bodies import PersonHistoryBody
from serve.documented_errors import problems
from serve.pack_choice import PackName
from serve.parts import MAX_ID, Id, Parts

router = APIRouter(prefix="/people", tags=["people"])

Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=MAX_ID)]
After = Annotated[int, Query(ge=0, le=MAX_ID, description="the `nextAfter` of the page before")]
NamePart = Annotated[str | None, Query(max_length=200, description="a part of the name")]
Hidden = Literal["true", "false", "all"]

_HIDDEN: dict[Hidden, bool | None] = {"true": True, "false": False, "all": None}


@router.get("")
def show_people(
    parts: Parts,
    pack: PackName,
    limit: Limit = 60,
    offset: Offset = 0,
    hidden: Hidden = "false",
    named: bool | None = None,
    q: NamePart = None,
) -> PeopleBody:
    """List the people that have faces, most photos first.

    `hidden`: `false` leaves hidden people out, `true` lists only them, `all` lists everybody.
    """
    part = q.replace("\0", "") if q else None
    wanted = PeopleFilter(hidden=_HIDDEN[hidden], is_named=named, part=part)
    with begin(parts.engine) as db:
        page = page_people(db, pack=pack, limit=limit, offset=offset, wanted=wanted)
        ungrouped = count_ungrouped_faces(db, pack=pack)
        set_aside = count_set_aside_faces(db, pack=pack)
    seen = offset + len(page.people)
    return PeopleBody(
        people=[PersonBody.from_person(person) for person in page.people],
        total=page.total,
        next_offset=seen if page.people and seen < page.total else None,
        pack=pack,
        ungrouped_faces=ungrouped,
        set_aside_faces=set_aside,
    )


@router.get("/ungrouped/faces")
def show_ungrouped_faces(
    parts: Parts,
    pack: PackName,
    limit: Limit = 60,
    after: After = 0,
    verdict: FaceVerdict | None = None,
) -> FacesBody:
    """List the faces that belong to no person: those with this verdict, or without one."""
    with begin(parts.engine) as db:
        faces = list_ungrouped_faces(db, pack=pack, limit=limit, after=after, verdict=verdict)
        total = count_ungrouped_faces(db, pack=pack, verdict=verdict)
    return _page(faces, total=total, limit=limit)


@router.get("/{person_id}", responses=problems(NotFound))
def show_person(person_id: Id, parts: Parts) -> PersonBody:
    """Show one person, hidden or not."""
    with begin(parts.engine) as db:
        return PersonBody.from_person(get_person(db, person_id))


@router.get("/{person_id}/summary", responses=problems(NotFound))
def show_history(person_id: Id, parts: Parts) -> PersonHistoryBody:
    """Show a person's photos by year, the first and last time, and the most frequent companions."""
    with begin(parts.engine) as db:
        return PersonHistoryBody.from_history(get_history(db, person_id))


@router.get("/{person_id}/faces", responses=problems(NotFound))
def show_faces(person_id: Id, parts: Parts, limit: Limit = 60, after: After = 0) -> FacesBody:
    """List a person's faces, each with its photo."""
    with begin(parts.engine) as db:
        get_person(db, person_id)
        faces = list_faces_of_person(db, person_id, limit=limit, after=after)
        total = count_faces_of_person(db, person_id)
    return _page(faces, total=total, limit=limit)


def _page(faces: list[FaceInfo], *, total: int, limit: int) -> FacesBody:
    return FacesBody(
        faces=[FaceBody.from_face(face) for face in faces],
        total=total,
        next_after=faces[-1].id if len(faces) == limit else None,
    )

"""Routes that list the photos of people, and show one photo in detail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cluster.core.errors import NotFound
from cluster.core.identity.people import PhotoMatch
from cluster.store.database.engine import begin
from cluster.store.photos.people_photos import page_photos
from cluster.store.photos.photo_details import get_photo
from serve.bodies.photo_bodies import PhotoBody
from serve.bodies.photos_bodies import PhotosBody
from serve.bodies.session_bodies import PACK_PATTERN
from serve.documented_errors import problems
from serve.guards.film_tickets import issue_ticket
from serve.pack_choice import PackName
from serve.parts import MAX_ID, Id, Parts

router = APIRouter(tags=["pictures"])

MOST_PEOPLE = 50

PersonIds = Annotated[
    str,
    Query(
        # Ids of 18 digits fit into a bigint.
        pattern=rf"^[1-9]\d{{0,17}}(,[1-9]\d{{0,17}}){{0,{MOST_PEOPLE - 1}}}$",
        description=f"the ids of 1 to {MOST_PEOPLE} people, with commas between them",
    ),
]
PackOfPeople = Annotated[
    str | None, Query(pattern=PACK_PATTERN, description="default: the pack of the first person")
]
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=MAX_ID)]


@router.get("/images", responses=problems(NotFound))
def show_photos(
    parts: Parts,
    people: PersonIds,
    match: PhotoMatch = PhotoMatch.ALL,
    pack: PackOfPeople = None,
    limit: Limit = 60,
    offset: Offset = 0,
) -> PhotosBody:
    """List the photos with all of these people, with any of them, or with only them, newest first.

    `only`: the photo shows all of them, no other person, and no ungrouped face. Hidden people, and
    faces with a verdict (`not_a_face`, `stranger`, `hidden`), are ignored for this. Photos without
    a time come last. A photo stands for its duplicates; missing photos are left out. 404 if a
    person does not exist in the pack.
    """
    ids = [int(one) for one in people.split(",")]
    with begin(parts.engine) as db:
        page = page_photos(db, ids, match=match, limit=limit, offset=offset, pack=pack)
    return PhotosBody.from_page(page, match=match, offset=offset)


@router.get("/images/{image_id}", responses=problems(NotFound))
def show_photo(image_id: Id, parts: Parts, pack: PackName) -> PhotoBody:
    """Show a photo: its files, its duplicates, and the faces and people in it.

    Hidden people are left out, and so are faces with the verdict `not_a_face` or `hidden`.
    """
    with begin(parts.engine) as db:
        photo = get_photo(db, image_id, pack=pack)
    token = parts.api_token
    ticket = None if token is None else issue_ticket(token, image_id, now=parts.now())
    return PhotoBody.from_photo(photo, ticket=ticket)

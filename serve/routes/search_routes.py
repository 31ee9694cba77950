"""The route that finds the people in an uploaded photo. The photo is not stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from cluster.core.errors import PackNotFound, UnreadableImage
from cluster.core.identity.faces import PhotoFaces
from cluster.core.identity.people import Match
from cluster.store.database.engine import begin
from cluster.store.people.nearest import find_nearest_people
from cluster.store.sessions.session_rows import find_pack_source
from serve.bodies.people_bodies import SearchBody
from serve.documented_errors import Answers, bodies, problems
from serve.pack_choice import PackName
from serve.parts import AppParts, PackChoice, Parts
from serve.problems import SearchUnavailable, UnsupportedBody

PATH = "/faces/search"

router = APIRouter(tags=["people"])

_PHOTO = {"schema": {"type": "string", "format": "binary"}}
_REQUEST = {"required": True, "content": {"image/*": _PHOTO, "application/octet-stream": _PHOTO}}

_ANSWERS: Answers = {
    **bodies(UnreadableImage, PackNotFound, SearchUnavailable),
    **problems(UnsupportedBody),
}

Limit = Annotated[int, Query(ge=1, le=50, description="people for each face")]


@router.post(PATH, openapi_extra={"requestBody": _REQUEST}, responses=_ANSWERS)
async def search_faces(
    request: Request, parts: Parts, pack: PackName, limit: Limit = 5
) -> SearchBody:
    """Find the faces in an uploaded photo, and the people most similar to each of them.

    The photo is the body of the request. Its content type is image/jpeg, image/heic and so on, or
    application/octet-stream. `similarity` is the cosine between two faces, at most 1. Hidden people
    are left out. 422 `unreadable-image` gives the reason why a photo cannot be read.
    """
    check_content_type(request.headers.get("content-type", ""))
    photo = await request.body()
    if not photo:
        raise UnreadableImage("The photo", "the file is empty")
    choice = await run_in_threadpool(_choose_pack, parts, pack)
    found = await parts.search(photo, choice)
    matches = await run_in_threadpool(_match, parts, found, pack=pack, limit=limit)
    return SearchBody.from_faces(found, matches, pack=pack)


def check_content_type(given: str) -> None:
    """Raise UnsupportedBody (415) for content types that a form of another site can send."""
    kind = given.partition(";")[0].strip().lower()
    if not kind.startswith("image/") and kind != "application/octet-stream":
        raise UnsupportedBody("Send the photo itself, as image/jpeg, image/heic and so on.")


def _choose_pack(parts: AppParts, pack: str) -> PackChoice:
    with begin(parts.engine) as db:
        return PackChoice(pack, find_pack_source(db, pack))


def _match(parts: AppParts, found: PhotoFaces, *, pack: str, limit: int) -> list[tuple[Match, ...]]:
    with begin(parts.engine) as db:
        embeddings = [face.embedding for face in found.faces]
        return find_nearest_people(db, embeddings, pack=pack, limit=limit)

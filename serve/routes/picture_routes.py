"""Routes of JPEGs: thumbnails and crops from the database, previews from the photo files."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, status

from cluster.core.errors import NotFound, UnreachableImage, UnreadableImage
from cluster.core.identity.people import TAG_CHARACTERS
from cluster.store.database.engine import begin
from cluster.store.photos.stored_pictures import PictureSource, get_crop, get_source, get_thumbnail
from serve.documented_errors import Answers, problems
from serve.etags import matches
from serve.parts import AppParts, Id, Parts

router = APIRouter(tags=["pictures"])

IMMUTABLE = "private, max-age=31536000, immutable"
REVALIDATE = "private, no-cache"

IfNoneMatch = Annotated[str | None, Header()]
Tag = Annotated[
    str | None,
    Query(
        alias="v", max_length=64, description="tag from a picture's URL; allows caching for a year"
    ),
]

_ANSWERS: Answers = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The picture is the one of If-None-Match."},
    **problems(NotFound),
}


class Jpeg(Response):
    """A JPEG picture."""

    media_type = "image/jpeg"


@router.get("/images/{image_id}/thumbnail", response_class=Jpeg, responses=_ANSWERS)
def show_thumbnail(
    image_id: Id, parts: Parts, tag: Tag = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Show a photo, small and upright."""
    with begin(parts.engine) as db:
        picture = get_thumbnail(db, image_id)
    return answer_picture(picture, wanted=tag, if_none_match=if_none_match)


@router.get(
    "/images/{image_id}/preview",
    response_class=Jpeg,
    responses={**_ANSWERS, **problems(NotFound, UnreachableImage, UnreadableImage)},
)
async def show_preview(
    image_id: Id, parts: Parts, tag: Tag = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Show a photo upright, at most 1,600 pixels wide and high.

    It is made from the file. Of a film, it shows one frame. If the file is gone, or has changed
    since it was indexed, the answer is 404 `photo-not-there`.
    """
    source = await asyncio.to_thread(find_source, parts, image_id)
    sha256 = source.sha256
    headers = name_picture(sha256.hex(), wanted=tag)
    if matches(if_none_match, tag=sha256.hex()):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    async with parts.previewing:
        make = parts.make_poster if source.is_film else parts.make_preview
        preview = await asyncio.to_thread(make, source.path, sha256)
    return Jpeg(preview, headers=headers)


def find_source(parts: AppParts, image_id: int) -> PictureSource:
    """Return a file of a photo or film. Raises NotFound."""
    with begin(parts.engine) as db:
        return get_source(db, image_id)


@router.get("/faces/{face_id}/crop", response_class=Jpeg, responses=_ANSWERS)
def show_crop(
    face_id: Id, parts: Parts, tag: Tag = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Show a face with some surroundings."""
    with begin(parts.engine) as db:
        picture = get_crop(db, face_id)
    return answer_picture(picture, wanted=tag, if_none_match=if_none_match)


def answer_picture(picture: bytes, *, wanted: str | None, if_none_match: str | None) -> Response:
    """Return the picture, or 304 if the client has it."""
    tag = hashlib.sha256(picture).hexdigest()
    headers = name_picture(tag, wanted=wanted)
    if matches(if_none_match, tag=tag):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Jpeg(picture, headers=headers)


def name_picture(tag: str, *, wanted: str | None) -> dict[str, str]:
    """Return the headers of a picture; `tag` is its SHA-256 in hexadecimal.

    A picture may be cached without revalidation if its URL has the right tag. An id alone is not
    enough, because a new library starts again at 1, and a photo that changes keeps its id.
    """
    is_named = wanted == tag[:TAG_CHARACTERS]
    return {"ETag": f'"{tag}"', "Cache-Control": IMMUTABLE if is_named else REVALIDATE}

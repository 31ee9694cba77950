"""The route that plays a film: the bytes of its file, or a range of them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response, status
from starlette.responses import StreamingResponse

from cluster.core.errors import NotFound, UnreachableImage
from serve.documented_errors import Answers, problems
from serve.etags import matches
from serve.film_streams import FilmStream, Part, choose_part
from serve.parts import Id, Parts
from serve.problems import RangeNotSatisfiable
from serve.routes.picture_routes import IfNoneMatch, Tag, find_source, name_picture

router = APIRouter(tags=["pictures"])

_CONTENT = {"video/*": {"schema": {"type": "string", "format": "binary"}}}
_ANSWERS: Answers = {
    200: {"description": "The whole film.", "content": _CONTENT},
    206: {"description": "The part of the film that Content-Range names.", "content": _CONTENT},
    304: {"description": "The film is the one of If-None-Match."},
    **problems(NotFound, UnreachableImage, RangeNotSatisfiable),
}

Range = Annotated[
    str | None, Header(alias="Range", description="one range of bytes; several are ignored")
]
IfRange = Annotated[str | None, Header()]
Ticket = Annotated[
    str | None, Query(max_length=128, description="replaces the token; from `filmUrl`")
]


@router.get("/images/{image_id}/film", response_class=Response, responses=_ANSWERS)
@router.head("/images/{image_id}/film", include_in_schema=False)
async def play_film(
    request: Request,
    image_id: Id,
    parts: Parts,
    wanted: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
    tag: Tag = None,
    ticket: Ticket = None,
) -> Response:
    """Play a film: its file, or the range of bytes that a player asks for, at most 8 MiB at once.

    If the file is gone, or its size or time has changed since it was indexed, the answer is 404
    `photo-not-there`. For a photo that is not a film, it is 404 `not-found`.
    """
    source = await asyncio.to_thread(find_source, parts, image_id)
    if not source.is_film:
        raise NotFound("film of photo", image_id)
    digest = source.sha256.hex()
    headers = {**name_picture(digest, wanted=tag), "Accept-Ranges": "bytes"}
    if matches(if_none_match, tag=digest):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    stream = FilmStream(source)
    await stream.open()
    try:
        is_same = if_range is None or if_range.strip() == headers["ETag"]
        part = choose_part(wanted if is_same else None, size=stream.size)
    except RangeNotSatisfiable:
        stream.close()
        raise
    whole = Part(0, stream.size - 1, stream.size)
    if part is not None:
        headers["Content-Range"] = part.content_range
    code = status.HTTP_200_OK if part is None else status.HTTP_206_PARTIAL_CONTENT
    headers["Content-Length"] = str((part or whole).length)
    if request.method == "HEAD":
        stream.close()
        return Response(status_code=code, headers=headers, media_type=stream.media_type)
    body = stream.read(part or whole)
    return StreamingResponse(body, code, headers, media_type=stream.media_type)

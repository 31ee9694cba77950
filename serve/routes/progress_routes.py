"""Routes of a session's progress: at once, by long polling, or as a stream of events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, status

from cluster.core.errors import NotFound
from serve.bodies.progress_bodies import ProgressBody, render_progress
from serve.documented_errors import problems
from serve.etags import matches, read_version
from serve.live.event_streams import EventStream, stream_events
from serve.parts import MAX_ID, Id, LiveView

MAX_WAIT_S = 60.0

router = APIRouter(prefix="/training/{session_id}", tags=["progress"])

_NO_CACHE = {"Cache-Control": "no-cache"}
_STREAM = {**_NO_CACHE, "X-Accel-Buffering": "no"}

_EVENT = {
    "title": "an event",
    "type": "object",
    "properties": {
        "event": {"const": "progress"},
        "id": {"type": "string", "description": "the version"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/ProgressBody"},
        },
    },
}

IfNoneMatch = Annotated[str | None, Header()]
LastEventId = Annotated[str | None, Header()]


@router.get(
    "/progress/unified",
    response_model=ProgressBody,
    responses={
        304: {"description": "The version is the one of If-None-Match."},
        **problems(NotFound),
    },
)
async def show_progress(
    session_id: Id,
    live: LiveView,
    wait: Annotated[float, Query(ge=0, description="seconds to wait for a change, at most 60")] = 0,
    since: Annotated[
        int | None, Query(le=MAX_ID, description="the version that the client has")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Show the progress; with `wait` and `since`, wait until the version is above `since`.

    If the session has a terminal status, the answer comes at once.
    """
    progress = await live.show(session_id)
    if since is not None and wait > 0:
        hold_s = min(wait, MAX_WAIT_S)
        news = await live.wait(session_id, since=since, timeout_s=hold_s)
        progress = news or await live.show(session_id)
    headers = {"ETag": f'W/"{progress.version}"', **_NO_CACHE}
    if matches(if_none_match, tag=progress.version):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(render_progress(progress), headers=headers, media_type="application/json")


@router.get(
    "/events",
    response_class=EventStream,
    responses={
        200: {"content": {EventStream.media_type: {"schema": _EVENT}}},
        204: {"description": "The session is over and Last-Event-ID is current: do not reconnect."},
        **problems(NotFound),
    },
)
async def stream_progress(
    session_id: Id, live: LiveView, last_event_id: LastEventId = None
) -> Response:
    """Stream the progress as server-sent events of type `progress` until the session is over."""
    progress = await live.show(session_id)
    seen = read_version(last_event_id)
    if progress.status.is_terminal and seen >= progress.version:
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    return EventStream(stream_events(live, session_id, since=seen), headers=_STREAM)

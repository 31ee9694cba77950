"""A session's progress as server-sent events: the newest state, at most twice a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import lru_cache

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse

from cluster.core.progress import UnifiedProgress
from serve.live import Live
from serve.progress_body import render_progress

MIN_INTERVAL_S = 0.5
KEEP_ALIVE_S = 15.0
"""Proxies cut a connection that is silent for longer than half a minute or so."""


class EventStream(StreamingResponse):
    """Events as they come. FastAPI's own is for routes that yield, and those cannot answer 204."""

    media_type = "text/event-stream"


async def stream_events(live: Live, session_id: int, *, since: int) -> AsyncIterator[bytes]:
    """Yield an event for each version above `since`, skipping those a client was too slow for.

    Ends after the event of a terminal status, or when the session was erased.
    """
    while True:
        progress = await live.wait(session_id, since=since, timeout_s=KEEP_ALIVE_S)
        if progress is None:
            if not await live.has_session(session_id):
                return
            yield KEEPALIVE_COMMENT
            continue
        yield format_event(progress)
        if progress.status.is_terminal:
            return
        since = progress.version
        await asyncio.sleep(MIN_INTERVAL_S)


@lru_cache(maxsize=64)
def format_event(progress: UnifiedProgress) -> bytes:
    """Return one event of type `progress`; its id is the version."""
    data = render_progress(progress).decode()
    return format_sse_event(data_str=data, event="progress", id=str(progress.version))

"""A session's progress as server-sent events: the newest state, at most twice a second.

So many clients that a replica could not keep up get fewer events each; none is left behind.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from functools import lru_cache

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse

from cluster.core.progress import UnifiedProgress
from serve.bodies.progress_bodies import render_progress
from serve.live.live_progress import Live

MIN_INTERVAL_S = 0.5
MAX_EVENTS_PER_S = 1000
"""Of one replica: with 1,600 two cores are full (bench/progress.py), and every answer is late."""

SPREAD = (0.75, 1.25)
KEEP_ALIVE_S = 15.0
"""Proxies cut a connection that is silent for longer than half a minute or so."""


class EventStream(StreamingResponse):
    """Events as they come. FastAPI's own is for routes that yield, and those cannot answer 204."""

    media_type = "text/event-stream"


async def stream_events(live: Live, session_id: int, *, since: int) -> AsyncIterator[bytes]:
    """Yield an event for each version above `since`, skipping those a client was too slow for.

    Ends after the event of a terminal status, or when the session was erased.
    """
    with live.streaming():
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
            await asyncio.sleep(choose_interval_s(live.streams))


def choose_interval_s(streams: int) -> float:
    """Return how long one of so many streams of a replica waits between two events.

    In a crowd each waits for a time of its own: those that a change woke together would otherwise
    stay together, and all come at once.
    """
    return max(MIN_INTERVAL_S, random.uniform(*SPREAD) * streams / MAX_EVENTS_PER_S)


@lru_cache(maxsize=64)
def format_event(progress: UnifiedProgress) -> bytes:
    """Return one event of type `progress`; its id is the version."""
    data = render_progress(progress).decode()
    return format_sse_event(data_str=data, event="progress", id=str(progress.version))

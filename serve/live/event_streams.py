"""A session's progress as server-sent events: the newest state, at most twice a second.

If a replica has too many clients, each gets fewer events, but none falls behind.
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
"""The limit of a replica. 1,600 a second saturate two cores and delay all (bench/progress.py)."""

SPREAD = (0.75, 1.25)
KEEP_ALIVE_S = 15.0
"""Seconds between keep-alive comments. Proxies cut a connection after about 30 silent seconds."""


class EventStream(StreamingResponse):
    """A response of server-sent events.

    FastAPI's own class is for routes that yield, and such a route cannot answer 204.
    """

    media_type = "text/event-stream"


async def stream_events(live: Live, session_id: int, *, since: int) -> AsyncIterator[bytes]:
    """Yield an event for each version above `since`; a slow client skips versions.

    The stream ends after the event of a terminal status, or when the session is erased.
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
    """Return the seconds between two events of a stream, for a replica with `streams` streams.

    With many streams the interval is random. Otherwise all streams that wait for the same change
    would send their events at the same moment.
    """
    return max(MIN_INTERVAL_S, random.uniform(*SPREAD) * streams / MAX_EVENTS_PER_S)


@lru_cache(maxsize=64)
def format_event(progress: UnifiedProgress) -> bytes:
    """Return an event of type `progress` whose id is the version."""
    data = render_progress(progress).decode()
    return format_sse_event(data_str=data, event="progress", id=str(progress.version))

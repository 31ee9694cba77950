"""Whether the process is alive, and whether it can do its work."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from cluster.core.errors import DatabaseUnavailable
from cluster.logs import bind
from cluster.store.database.engine import check_database
from serve.answers import problems
from serve.bodies.session_bodies import HealthBody
from serve.parts import Parts
from serve.problems import LiveViewUnavailable

logger = bind(__name__)

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def is_alive() -> HealthBody:
    """Answer: the process is alive."""
    return HealthBody(status="alive")


@router.get("/readyz", responses=problems(DatabaseUnavailable, LiveViewUnavailable))
async def check_ready(parts: Parts, request: Request) -> HealthBody:
    """Answer 200 when the database and the live view answer, else 503 saying which does not."""
    try:
        await asyncio.to_thread(check_database, parts.engine)
    except DatabaseUnavailable as error:
        if parts.api_token is None:
            raise
        # No token is asked for here: where the database is, and who uses it, is for the log.
        logger.warning("not ready", reason=str(error))
        raise DatabaseUnavailable(
            "The database does not answer; the server's log says why."
        ) from None
    await parts.progress.ping()
    if request.app.state.follower.done():
        raise LiveViewUnavailable("The subscription to the live view has ended; its log says why.")
    return HealthBody(status="ready")

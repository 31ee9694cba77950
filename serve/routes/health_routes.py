"""Routes that tell whether the process is alive, and whether it can answer requests."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from cluster.core.errors import DatabaseUnavailable
from cluster.logs import bind
from cluster.store.database.engine import check_database
from serve.bodies.session_bodies import HealthBody
from serve.documented_errors import problems
from serve.parts import Parts
from serve.problems import LiveViewUnavailable

logger = bind(__name__)

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def is_alive() -> HealthBody:
    """Answer 200 as long as the process is alive."""
    return HealthBody(status="alive")


@router.get("/readyz", responses=problems(DatabaseUnavailable, LiveViewUnavailable))
async def check_ready(parts: Parts, request: Request) -> HealthBody:
    """Answer 200 if the database and the live view answer, else 503 with the one that does not."""
    try:
        await asyncio.to_thread(check_database, parts.engine)
    except DatabaseUnavailable as error:
        if parts.api_token is None:
            raise
        # This route needs no token, so the address and user of the database go to the log only.
        logger.warning("not ready", reason=str(error))
        raise DatabaseUnavailable(
            "The database does not answer. The server log has the details."
        ) from None
    await parts.progress.ping()
    if request.app.state.follower.done():
        raise LiveViewUnavailable(
            "The subscription to the live view has ended. The server log has the details."
        )
    return HealthBody(status="ready")

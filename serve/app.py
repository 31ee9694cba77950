"""Builds the HTTP application from its parts. It never loads a model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from cluster.store.database.progress_versions import next_first_version
from cluster.store.sessions.phase_rows import load_snapshots
from serve.documented_errors import ANYWHERE, problems
from serve.guards.origins import CheckHost, RefuseOtherSites
from serve.guards.requests import AddSecurityHeaders, LimitBody, RequireToken
from serve.live.live_progress import Live
from serve.parts import AppParts
from serve.problems import METHODS, TokenMissing, add_problem_answers
from serve.routes import (
    backup_routes,
    comparison_routes,
    control_routes,
    erasing_routes,
    export_routes,
    film_routes,
    health_routes,
    import_routes,
    library_routes,
    page_routes,
    people_change_routes,
    people_routes,
    photo_routes,
    picture_routes,
    preview_routes,
    progress_routes,
    promise_routes,
    search_routes,
    suggestion_routes,
    training_routes,
    verdict_routes,
    xmp_routes,
)

logger = logging.getLogger(__name__)

__all__ = ["AppParts", "build_app"]

API = "/api/v1"
CORS: dict[str, Any] = {
    "allow_methods": METHODS,
    "allow_headers": ["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID"],
    "expose_headers": ["ETag", "Location", "Retry-After"],
}
"""What the pages of `cors_origins` may send and read. There are no cookies."""


def build_app(parts: AppParts) -> FastAPI:
    """Return the application; it subscribes to the live view when it starts up."""
    app = FastAPI(
        title="Headcount",
        summary="Finds the people in a photo library and reports its progress.",
        docs_url=None,
        redoc_url=None,
        # Otherwise FastAPI exports traces to the address in the user's environment variables.
        telemetry={"auto_configure": False},
        lifespan=_follow_live_view,
    )
    app.state.parts = parts
    app.state.live = Live(
        source=parts.progress,
        load=partial(load_snapshots, parts.engine),
        weights=parts.weights,
        first_version=partial(next_first_version, parts.engine),
    )
    add_problem_answers(app)
    app.router.routes.extend(_all_routes(has_token=parts.api_token is not None))
    _add_guards(app, parts)
    return app


@cache
def _all_routes(*, has_token: bool) -> list[BaseRoute]:
    """Return the routes. They do not depend on the parts, so all applications share them."""
    # RequireToken checks the token. This only documents it in OpenAPI.
    documented = [Depends(HTTPBearer(auto_error=False))] if has_token else []
    anywhere = problems(*ANYWHERE, TokenMissing) if has_token else problems(*ANYWHERE)
    api = APIRouter(responses=anywhere, dependencies=documented)
    for routes in (
        backup_routes,
        preview_routes,
        training_routes,
        comparison_routes,
        control_routes,
        erasing_routes,
        export_routes,
        film_routes,
        import_routes,
        progress_routes,
        promise_routes,
        library_routes,
        people_change_routes,
        people_routes,
        photo_routes,
        picture_routes,
        search_routes,
        suggestion_routes,
        verdict_routes,
        xmp_routes,
    ):
        api.include_router(routes.router)
    everything = APIRouter()
    everything.include_router(api, prefix=API)
    everything.include_router(health_routes.router)
    everything.include_router(page_routes.router)
    everything.mount("/static", page_routes.static_files)
    return everything.routes


def _add_guards(app: FastAPI, parts: AppParts) -> None:
    # A request passes the last added middleware first.
    imports = (import_routes.PATH, f"{import_routes.PATH}/preview")
    limits = {API + path: import_routes.MAX_IMPORT_BYTES for path in imports}
    limits[API + search_routes.PATH] = parts.search_max_bytes
    app.add_middleware(LimitBody, limits=limits)
    app.add_middleware(RefuseOtherSites, origins=parts.cors_origins)
    if parts.api_token is not None:
        app.add_middleware(RequireToken, token=parts.api_token, now=parts.now)
    else:
        # With a token this check is not needed: pages of other sites do not know the token.
        app.add_middleware(CheckHost, names=parts.allowed_hosts)
    if parts.cors_origins:
        app.add_middleware(CORSMiddleware, **CORS, allow_origins=parts.cors_origins)
    app.add_middleware(AddSecurityHeaders)


@asynccontextmanager
async def _follow_live_view(app: FastAPI) -> AsyncIterator[None]:
    app.state.follower = asyncio.create_task(app.state.live.follow())
    app.state.follower.add_done_callback(_log_end)
    yield
    # A process that is killed during a restore leaves either the old library or the new one.
    await asyncio.gather(*app.state.parts.restoring, return_exceptions=True)
    app.state.follower.cancel()
    with suppress(asyncio.CancelledError):
        await app.state.follower


def _log_end(follower: asyncio.Task[None]) -> None:
    if not follower.cancelled():
        logger.error("subscription to the live view ended", exc_info=follower.exception())

"""The route of a dry run: what a session would find, and how long it would take."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from cluster.core.dry_runs import Compared, DryRun
from cluster.core.errors import (
    BadRoot,
    PackNotFound,
    RootEmpty,
    RootNotAllowed,
    RootNotFound,
    RootUnreachable,
)
from cluster.core.files.paths import path_to_text
from cluster.core.time_left.dry_times import PastSessions, expect_time
from cluster.pipeline.dry_run import LibraryListing
from cluster.store.database.engine import begin
from cluster.store.sessions.workloads import get_past
from cluster.vision.sources.library_walk import ROOT_TIMEOUT_S
from serve.bodies.dry_run_bodies import DryRunBody
from serve.bodies.session_bodies import StartBody
from serve.documented_errors import bodies
from serve.guards.roots import allowed_folders
from serve.parts import AppParts, PackChoice, Parts
from serve.routes.training_routes import open_root

LIST_S = 10.0
MOST_LISTED = 200_000
"""A user waits for the answer. `jobs.train --dry-run` lists libraries of any size."""

router = APIRouter(tags=["training"])


@router.post(
    "/dry-run",
    responses=bodies(
        RootNotAllowed, RootNotFound, RootUnreachable, RootEmpty, BadRoot, PackNotFound
    ),
)
async def preview_training(start: StartBody, parts: Parts) -> DryRunBody:
    """Show what a session with the same body would find and how long it would take.

    No session is created, and nothing is written. The listing stops after ten seconds, or after
    200,000 photos; then `isComplete` is false.
    """
    async with parts.looking:
        root, pack, compared, past = await run_in_threadpool(_look, start, parts)
        dry_run = await _add_time(compared, past, pack=pack, parts=parts)
    return DryRunBody.from_dry_run(dry_run, root=path_to_text(root), pack=pack.name)


def _look(start: StartBody, parts: AppParts) -> tuple[str, PackChoice, Compared, PastSessions]:
    root = open_root(start, parts)
    pack = parts.choose_pack(start.options.pack or parts.pack)
    listing = LibraryListing(
        root,
        confined_to=allowed_folders(parts.allowed_roots),
        silence_s=ROOT_TIMEOUT_S,
        limit_s=LIST_S,
        most=MOST_LISTED,
    )
    # Over HTTP, a session is always a new one.
    compared = listing.compare(parts.engine, pack=pack.name, continues=False)
    with begin(parts.engine) as db:
        return root, pack, compared, get_past(db, pack=pack.name)


async def _add_time(
    compared: Compared, past: PastSessions, *, pack: PackChoice, parts: AppParts
) -> DryRun:
    """Return the dry run with its time; photos are timed if no earlier session with them was."""
    listing = compared.listing
    if not listing.is_complete:
        return DryRun(listing, None)
    timed = None
    if compared.paths and not past.knows_photos:
        timed = await parts.time_photos(compared.paths, pack)
    is_measured = timed is not None or past.knows_photos or not compared.paths
    return DryRun(listing, expect_time(listing.work, timed=timed, past=past), is_measured)

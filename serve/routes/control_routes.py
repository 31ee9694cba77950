"""Routes that pause, resume, cancel, restart and retry sessions.

Each answers with the session after the move. If its status does not allow the move, the answer is
409 with the legal moves. If two clients move a session at the same time, one of them gets 409.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, status

from cluster.core.errors import IllegalMove, NotFound, SessionBusy
from cluster.core.sessions import Move, PhaseName
from cluster.store.sessions.session_rows import SessionInfo
from serve.bodies.session_bodies import SessionBody
from serve.documented_errors import changes
from serve.parts import AppParts, Id, Parts
from serve.problems import JobNotSubmitted, LiveViewUnavailable
from serve.routes.training_routes import show_body

router = APIRouter(prefix="/training/{session_id}", tags=["training"])

PhotoPhase = Literal[PhaseName.TRAINING, PhaseName.FACE_DETECTION]
_REFUSED = (NotFound, IllegalMove, SessionBusy)
_NOT_STARTED = changes(*_REFUSED, JobNotSubmitted)

FailedOnly = Annotated[bool, Query(alias="failedOnly", description="only the photos that failed")]


@router.post("/pause", responses=changes(*_REFUSED))
async def pause(session_id: Id, parts: Parts) -> SessionBody:
    """Pause a session: no more work starts, photos in flight are settled, and results stay."""
    return await _do(parts, partial(parts.control.stop, session_id, Move.PAUSE))


@router.post("/cancel", responses=changes(*_REFUSED))
async def cancel(session_id: Id, parts: Parts) -> SessionBody:
    """Cancel a session: no more work starts, and finished photos stay finished."""
    return await _do(parts, partial(parts.control.stop, session_id, Move.CANCEL))


@router.post("/resume", status_code=status.HTTP_202_ACCEPTED, responses=_NOT_STARTED)
async def resume(session_id: Id, parts: Parts) -> SessionBody:
    """Resume a session with its pending items, in a new Ray job if the last one has ended."""
    return await _do(parts, partial(parts.control.resume, session_id))


@router.post("/restart", status_code=status.HTTP_202_ACCEPTED, responses=_NOT_STARTED)
async def restart(
    session_id: Id, parts: Parts, phase: PhaseName, failed_only: FailedOnly = False
) -> SessionBody:
    """Restart a phase, for all photos or those that failed, and the phases that depend on it.

    Restarting training also looks for new photos in the folder. Re-detected faces keep their
    person. Clustering has no photos of its own, so `failedOnly` has no effect on it.
    """
    again = partial(parts.control.restart, session_id, phase, failed_only=failed_only)
    return await _do(parts, again)


@router.post("/retry", status_code=status.HTTP_202_ACCEPTED, responses=_NOT_STARTED)
async def retry(session_id: Id, parts: Parts, phase: PhotoPhase | None = None) -> SessionBody:
    """Retry the photos that failed, in one photo phase or in both."""
    return await _do(parts, partial(parts.control.retry, session_id, phase))


async def _do(parts: AppParts, change: Callable[[], SessionInfo]) -> SessionBody:
    """Make a change, show it in the live view, and return the session."""
    session = await asyncio.to_thread(change)
    with suppress(LiveViewUnavailable):  # The rows answer until the live view is back.
        await parts.progress.reload(session.id)
    return show_body(session, parts)

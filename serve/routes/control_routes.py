"""Sessions: paused, resumed, cancelled, restarted, retried.

Each answers with the session as it is then. A move that the session's status does not allow is 409
and names the moves that it does; of two clients that press at once one wins, and the other is told.
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
from serve.answers import changes
from serve.bodies.session_bodies import SessionBody
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
    """Start no more work; what is in flight is settled, and what is finished stays so."""
    return await _do(parts, partial(parts.control.stop, session_id, Move.PAUSE))


@router.post("/cancel", responses=changes(*_REFUSED))
async def cancel(session_id: Id, parts: Parts) -> SessionBody:
    """Start no more work, and do not wait for more; what is finished stays so."""
    return await _do(parts, partial(parts.control.stop, session_id, Move.CANCEL))


@router.post("/resume", status_code=status.HTTP_202_ACCEPTED, responses=_NOT_STARTED)
async def resume(session_id: Id, parts: Parts) -> SessionBody:
    """Go on with what is pending, as a new Ray job if the last one has ended."""
    return await _do(parts, partial(parts.control.resume, session_id))


@router.post("/restart", status_code=status.HTTP_202_ACCEPTED, responses=_NOT_STARTED)
async def restart(
    session_id: Id, parts: Parts, phase: PhaseName, failed_only: FailedOnly = False
) -> SessionBody:
    """Do a phase again, all its photos or those that failed, and the phases that depend on it.

    Restarting training also looks for new photos in the folder. Faces that are found again keep
    their person. Clustering has no photos of its own: `failedOnly` makes no difference to it.
    """
    again = partial(parts.control.restart, session_id, phase, failed_only=failed_only)
    return await _do(parts, again)


@router.post("/retry", status_code=status.HTTP_202_ACCEPTED, responses=_NOT_STARTED)
async def retry(session_id: Id, parts: Parts, phase: PhotoPhase | None = None) -> SessionBody:
    """Try the photos again that failed, in both photo phases or in one."""
    return await _do(parts, partial(parts.control.retry, session_id, phase))


async def _do(parts: AppParts, change: Callable[[], SessionInfo]) -> SessionBody:
    """Make the change, show it in the live view at once, and answer with the session."""
    session = await asyncio.to_thread(change)
    with suppress(LiveViewUnavailable):  # The rows answer until the live view is back.
        await parts.progress.reload(session.id)
    return show_body(session, parts)

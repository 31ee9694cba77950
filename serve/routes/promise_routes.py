"""The route of a session's promises about its time."""

from __future__ import annotations

from fastapi import APIRouter

from cluster.core.errors import NotFound
from cluster.core.sessions import SessionStatus
from cluster.store.database.engine import begin
from cluster.store.sessions.session_rows import get_session
from cluster.store.sessions.session_samples import list_samples
from serve.bodies.promise_bodies import PromisesBody
from serve.documented_errors import problems
from serve.parts import Id, Parts

router = APIRouter(prefix="/training/{session_id}", tags=["progress"])


@router.get("/promises", responses={**problems(NotFound)})
def show_promises(session_id: Id, parts: Parts) -> PromisesBody:
    """List the times left that the session showed, and after its end how accurate they were."""
    with begin(parts.engine) as db:
        status = get_session(db, session_id).status
        samples = list_samples(db, session_id)
    is_over = status is SessionStatus.COMPLETED
    return PromisesBody.from_samples(session_id, samples, is_over=is_over)

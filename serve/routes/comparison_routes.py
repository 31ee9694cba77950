"""Routes for the history of sessions: speed over time, and the comparison of two sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cluster.core.errors import NotFound, SameSession
from cluster.store.database.engine import Db, begin
from cluster.store.items.item_rows import count_reasons
from cluster.store.sessions.session_figures import get_figures
from cluster.store.sessions.session_history import measure_speeds
from cluster.store.sessions.session_rows import get_session
from serve.bodies.comparison_bodies import ComparedSession, ComparisonBody, SpeedBody
from serve.documented_errors import problems
from serve.parts import MAX_ID, Id, Parts

router = APIRouter(prefix="/training", tags=["training"])

OtherId = Annotated[int, Query(alias="with", ge=1, le=MAX_ID)]


@router.get("/{session_id}/speed", responses=problems(NotFound))
def show_speed(session_id: Id, parts: Parts) -> SpeedBody:
    """Show the speed of each phase of a session over time."""
    with begin(parts.engine) as db:
        get_session(db, session_id)
        return SpeedBody.from_speeds(session_id, measure_speeds(db, session_id))


@router.get("/{session_id}/compare", responses=problems(NotFound, SameSession))
def compare_sessions(session_id: Id, other_id: OtherId, parts: Parts) -> ComparisonBody:
    """Compare a session with another one, phase by phase, and explain why it was slower."""
    with begin(parts.engine) as db:
        get_session(db, session_id)
        if session_id == other_id:
            raise SameSession(session_id)
        return ComparisonBody.from_sessions(_load(db, session_id), _load(db, other_id))


def _load(db: Db, session_id: int) -> ComparedSession:
    return ComparedSession(
        session=get_session(db, session_id),
        phases=get_figures(db, session_id),
        speeds=measure_speeds(db, session_id),
        reasons=count_reasons(db, session_id),
    )

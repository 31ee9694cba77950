"""Reads the figures of a session's phases, by which sessions are compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.session_comparison import PhaseFigures
from cluster.core.sessions import PhaseName
from cluster.store.database.tables import SessionPhase


def get_figures(db: Session, session_id: int) -> tuple[PhaseFigures, ...]:
    """Return the figures of a session's phases, in their order; raise NotFound without a session.

    Earlier versions did not measure the working time. For their sessions, it is the time from
    beginning to end, including pauses.
    """
    statement = select(SessionPhase.__table__).where(SessionPhase.session_id == session_id)
    rows = {PhaseName(row.phase): row for row in db.execute(statement)}
    if not rows:
        raise NotFound("session", session_id)
    return tuple(_to_figures(rows[phase]) for phase in PhaseName)


def _to_figures(row: Any) -> PhaseFigures:
    is_clustering = row.phase is PhaseName.CLUSTERING
    return PhaseFigures(
        name=row.phase,
        status=row.status,
        total=row.total,
        processed=row.processed,
        skipped=row.skipped,
        failed=row.failed,
        unchanged=row.unchanged,
        faces=(row.faces_clustered or 0) if is_clustering else row.faces_detected,
        active_s=_find_active_s(row),
        pixels=row.pixels,
        read_bytes=row.bytes,
        waited_s=row.waited_s,
        workers=row.workers,
        people_gained=row.people_gained,
        people_lost=row.people_lost,
        people_split=row.people_split,
    )


def _find_active_s(row: Any) -> float | None:
    if row.active_s > 0:
        return float(row.active_s)
    if row.started_at is None or row.completed_at is None:
        return None
    return float((row.completed_at - row.started_at).total_seconds())

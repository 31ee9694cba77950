"""Reads phase rows as snapshots, from which the shown progress is computed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.progress import ClusteringResult, PhaseCounts, PhaseSnapshot
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin
from cluster.store.database.tables import SessionPhase, TrainingSession


def get_snapshots(db: Session, session_id: int) -> tuple[PhaseSnapshot, ...]:
    """Return the phases of a session, in their order; raise NotFound when there is no session."""
    films = TrainingSession.census["films"].as_integer().label("films")
    statement = (
        select(*SessionPhase.__table__.columns, films)
        .join(TrainingSession, TrainingSession.id == SessionPhase.session_id)
        .where(SessionPhase.session_id == session_id)
    )
    rows = {PhaseName(row.phase): row for row in db.execute(statement)}
    if not rows:
        raise NotFound("session", session_id)
    return tuple(_to_snapshot(rows[phase]) for phase in PhaseName)


def load_snapshots(engine: Engine, session_id: int) -> tuple[PhaseSnapshot, ...]:
    """Call `get_snapshots` in a transaction of its own.

    Raises NotFound or DatabaseUnavailable.
    """
    with begin(engine) as db:
        return get_snapshots(db, session_id)


def _to_snapshot(row: Any) -> PhaseSnapshot:
    return PhaseSnapshot(
        name=row.phase,
        status=row.status,
        counts=PhaseCounts(row.total, row.processed, row.skipped, row.failed),
        revision=row.revision,
        attempt=row.attempt,
        high_water_mark=row.high_water_mark,
        is_discovering=row.discovering,
        started_at=row.started_at,
        completed_at=row.completed_at,
        error=row.error,
        step=row.step,
        unchanged=row.unchanged,
        faces_detected=row.faces_detected,
        result=_to_result(row),
        films=row.films or 0,
    )


def _to_result(row: Any) -> ClusteringResult | None:
    if row.clusters_found is None:
        return None
    return ClusteringResult(
        row.clusters_found, row.faces_clustered, row.faces_ungrouped, row.same_person
    )

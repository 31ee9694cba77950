"""The phases of a session: started, completed, failed, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cluster.core.errors import InvariantBroken
from cluster.core.photos import Settled
from cluster.core.progress import ClusteringResult
from cluster.core.sessions import PHOTO_PHASES, PhaseName, PhaseStatus
from cluster.store.database.storable import storable_text
from cluster.store.database.tables import SessionPhase
from cluster.store.sessions.attempts import is_current_attempt
from cluster.store.sessions.counts import add_counts, get_settled, set_phase, to_settled
from cluster.store.sessions.snapshots import get_snapshots, load_snapshots

__all__ = [
    "add_counts",
    "complete_phase",
    "fail_phase",
    "finish_discovery",
    "get_settled",
    "get_snapshots",
    "list_revisions",
    "load_snapshots",
    "record_clustering",
    "restart_clustering",
    "set_clustering",
    "set_step",
    "start_phase",
]


def start_phase(db: Session, session_id: int, phase: PhaseName, *, now: datetime) -> None:
    """Leave the phase running, without an error; its first start is the one that is kept."""
    set_phase(
        db,
        session_id,
        phase,
        status=PhaseStatus.RUNNING,
        started_at=func.coalesce(SessionPhase.started_at, now),
        completed_at=None,
        error=None,
    )


def complete_phase(db: Session, session_id: int, phase: PhaseName, *, now: datetime) -> None:
    """Leave the phase completed; raise InvariantBroken while photos are unfinished or unknown."""
    row = set_phase(
        db,
        session_id,
        phase,
        status=PhaseStatus.COMPLETED,
        started_at=func.coalesce(SessionPhase.started_at, now),
        # A clock that was set back does not make it end before it began.
        completed_at=func.greatest(SessionPhase.started_at, now),
        error=None,
        step=None,
    )
    finished = row.processed + row.skipped + row.failed
    if row.discovering or finished != row.total:
        raise InvariantBroken(
            f"The {phase} phase of session {session_id} cannot be complete:"
            f" {finished} of {row.total} photos are finished."
        )


def fail_phase(
    db: Session, session_id: int, phase: PhaseName, *, error: str, now: datetime
) -> None:
    """Leave the phase failed, with the sentence that the user reads; it has no completion time."""
    set_phase(
        db,
        session_id,
        phase,
        status=PhaseStatus.FAILED,
        started_at=func.coalesce(SessionPhase.started_at, now),
        completed_at=None,
        error=storable_text(error),
    )


def list_revisions(db: Session, session_ids: Sequence[int]) -> dict[int, int]:
    """Return the sum of the phases' revisions of each of these sessions that exists."""
    statement = (
        select(SessionPhase.session_id, func.sum(SessionPhase.revision))
        .where(SessionPhase.session_id.in_(session_ids))
        .group_by(SessionPhase.session_id)
    )
    return {session_id: int(revision) for session_id, revision in db.execute(statement)}


def set_step(db: Session, session_id: int, phase: PhaseName, step: str | None) -> None:
    """Say in a word or two what the phase is doing."""
    set_phase(db, session_id, phase, step=step)


def finish_discovery(db: Session, session_id: int) -> None:
    """Say that every photo is found: the totals of the photo phases stay as they are now."""
    for phase in PHOTO_PHASES:
        set_phase(db, session_id, phase, discovering=False)


def set_clustering(
    db: Session,
    session_id: int,
    *,
    current: int,
    total: int,
    step: str | None = None,
    attempt: int | None = None,
) -> Settled:
    """Say how far clustering is; within one attempt and total the count does not fall.

    Another `attempt` than the present one (None is whichever it is) changes nothing.
    """
    if not is_current_attempt(db, session_id, PhaseName.CLUSTERING, attempt):
        return get_settled(db, session_id, PhaseName.CLUSTERING)
    row = set_phase(
        db,
        session_id,
        PhaseName.CLUSTERING,
        total=total,
        processed=func.least(total, func.greatest(SessionPhase.processed, current)),
        step=step,
    )
    return to_settled(row)


def record_clustering(db: Session, session_id: int, result: ClusteringResult) -> None:
    """Keep what clustering came to."""
    set_phase(
        db,
        session_id,
        PhaseName.CLUSTERING,
        clusters_found=result.clusters_found,
        faces_clustered=result.faces_clustered,
        faces_ungrouped=result.faces_ungrouped,
    )


def restart_clustering(db: Session, session_id: int) -> None:
    """Leave clustering pending in a new attempt, with nothing counted and no result."""
    nothing: Mapping[str, Any] = dict.fromkeys(
        ("started_at", "completed_at", "error", "step", "clusters_found", "faces_clustered")
    )
    set_phase(
        db,
        session_id,
        PhaseName.CLUSTERING,
        status=PhaseStatus.PENDING,
        attempt=SessionPhase.attempt + 1,
        total=0,
        processed=0,
        high_water_mark=0,
        faces_ungrouped=None,
        **nothing,
    )

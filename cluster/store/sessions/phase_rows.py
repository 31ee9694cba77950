"""Starts, completes and fails the phases of a session, and records their steps and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cluster.core.errors import InvariantBroken
from cluster.core.identity.people import PeopleChange
from cluster.core.pictures.photos import Settled, Work
from cluster.core.progress import ClusteringResult
from cluster.core.sessions import PHOTO_PHASES, PhaseName, PhaseStatus
from cluster.store.database.storable import storable_text
from cluster.store.database.tables import SessionPhase
from cluster.store.sessions.attempts import hold_current_attempt
from cluster.store.sessions.counts import (
    NO_WORK,
    add_counts,
    get_settled,
    set_phase,
    to_settled,
)
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
    """Mark the phase as running, without an error; the time of its first start is kept."""
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
    """Mark the phase as completed; raise InvariantBroken when photos are unfinished."""
    row = set_phase(
        db,
        session_id,
        phase,
        status=PhaseStatus.COMPLETED,
        started_at=func.coalesce(SessionPhase.started_at, now),
        # A phase must not end before it began, even if the clock was set back.
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
    """Mark the phase as failed, with `error` as the text for users and no completion time."""
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
    """Return, by session, the sum of its phases' revisions; unknown sessions are left out."""
    statement = (
        select(SessionPhase.session_id, func.sum(SessionPhase.revision))
        .where(SessionPhase.session_id.in_(session_ids))
        .group_by(SessionPhase.session_id)
    )
    return {session_id: int(revision) for session_id, revision in db.execute(statement)}


def set_step(db: Session, session_id: int, phase: PhaseName, step: str | None) -> None:
    """Set the current step of the phase, in words for users; None clears it."""
    set_phase(db, session_id, phase, step=step)


def finish_discovery(db: Session, session_id: int) -> None:
    """Record that all photos are found, so that the totals of the photo phases are final."""
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
    """Set the progress of clustering; with an equal total, the count does not fall.

    Nothing changes if `attempt` is not the current one; None is always current. Returns the counts.
    """
    if not hold_current_attempt(db, session_id, PhaseName.CLUSTERING, attempt):
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


def record_clustering(
    db: Session,
    session_id: int,
    result: ClusteringResult,
    *,
    change: PeopleChange | None = None,
    work: Work = NO_WORK,
) -> None:
    """Store the result, the changes and the work of clustering in its phase row.

    `change` is None if the effects of the grouping on existing people are unknown.
    """
    set_phase(
        db,
        session_id,
        PhaseName.CLUSTERING,
        clusters_found=result.clusters_found,
        faces_clustered=result.faces_clustered,
        faces_ungrouped=result.faces_ungrouped,
        same_person=result.same_person,
        people_gained=None if change is None else change.gained,
        people_lost=None if change is None else change.lost,
        people_split=None if change is None else change.split,
        waited_s=work.waited_s,
        workers=work.workers,
    )


def restart_clustering(db: Session, session_id: int) -> None:
    """Begin a new attempt at clustering: pending, with counts of 0 and without a result."""
    nothing: Mapping[str, Any] = dict.fromkeys(
        (
            *("started_at", "completed_at", "error", "step", "same_person"),
            *("clusters_found", "faces_clustered", "faces_ungrouped"),
            *("people_gained", "people_lost", "people_split"),
        )
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
        active_s=0,
        waited_s=0,
        workers=0,
        **nothing,
    )

"""Lists sessions that no process runs, and fails those whose driver is lost."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.core.drivers import DRIVER_LOST, Unattended
from cluster.core.errors import SessionBusy
from cluster.core.sessions import Move, PhaseStatus, SessionStatus
from cluster.store.database.tables import TrainingSession
from cluster.store.sessions.phase_rows import fail_phase
from cluster.store.sessions.session_locks import is_session_locked, keep_drivers_out
from cluster.store.sessions.session_rows import get_session, move_session
from cluster.store.sessions.snapshots import get_snapshots

_ATTENDED = (SessionStatus.PENDING, SessionStatus.RUNNING)


def list_unattended(db: Session) -> list[Unattended]:
    """Return the pending and running sessions that no process runs; `is_job_alive` is not set."""
    statement = (
        select(TrainingSession.id, TrainingSession.status, TrainingSession.job_id)
        .where(TrainingSession.status.in_(_ATTENDED))
        .order_by(TrainingSession.id)
    )
    return [
        Unattended(row.id, SessionStatus(row.status), row.job_id)
        for row in db.execute(statement)
        if not is_session_locked(db, row.id)
    ]


def fail_session(db: Session, session_id: int, reason: str, *, now: datetime) -> bool:
    """Fail a session and its first unfinished phase with `reason`; False if it has already ended.

    Raises NotFound.
    """
    if get_session(db, session_id).status.is_terminal:
        return False
    phases = get_snapshots(db, session_id)
    unfinished = [phase for phase in phases if phase.status is not PhaseStatus.COMPLETED]
    if unfinished:
        fail_phase(db, session_id, unfinished[0].name, error=reason, now=now)
    move_session(db, session_id, Move.FAIL, now=now, error=reason)
    return True


def fail_lost_session(
    db: Session, session_id: int, *, now: datetime, reason: str = DRIVER_LOST
) -> bool:
    """Fail a session whose driver is lost; return False if a process runs it after all."""
    try:
        keep_drivers_out(db, session_id)
    except SessionBusy:
        return False
    is_waited_for = get_session(db, session_id).status in _ATTENDED
    return is_waited_for and fail_session(db, session_id, reason, now=now)

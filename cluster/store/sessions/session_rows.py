"""Creates, finds and moves sessions; the phases move with their session, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    RowMapping,
    Select,
    case,
    func,
    insert,
    select,
    text,
    true,
    update,
)
from sqlalchemy.orm import Session

from cluster.core.errors import IllegalMove, NotFound
from cluster.core.notices import TOLD
from cluster.core.sessions import (
    LEGAL_MOVES,
    Move,
    PhaseName,
    PhaseStatus,
    SessionStatus,
    apply_move,
    users_moves,
)
from cluster.store.database.storable import storable_text
from cluster.store.database.tables import SessionPhase, TrainingSession
from cluster.store.sessions.library_rows import provide_library
from cluster.store.sessions.notification_rows import add_notifications

_STATUS = text("SELECT status FROM training_session WHERE id = :id")

_UNFINISHED = (
    SessionStatus.PENDING,
    SessionStatus.RUNNING,
    SessionStatus.PAUSED,
    SessionStatus.FAILED,
)


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One session: its row, and counts from its phases.

    `photos` is None before discovery has begun, `people` before clustering has ended; `failed`
    counts photos in both photo phases. `active_s` is how long the session has worked.
    """

    id: int
    library_id: int
    root: str
    name: str | None
    pack: str
    status: SessionStatus
    options: Mapping[str, Any]
    job_id: str | None
    error: str | None
    census: Mapping[str, Any]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    active_s: float = 0.0
    time_percentage: float = 0.0
    photos: int | None = None
    people: int | None = None
    failed: int = 0

    @classmethod
    def from_row(cls, row: RowMapping) -> SessionInfo:
        """Return the session of a row of training_session with the numbers of its phases."""
        return cls(**row)


def _select() -> Select[Any]:
    phase = SessionPhase
    of_session = phase.session_id == TrainingSession.id
    training, clustering = phase.phase == PhaseName.TRAINING, phase.phase == PhaseName.CLUSTERING
    has_begun = training & (phase.started_at.is_not(None) | (phase.total > 0))
    figures = (
        select(
            func.max(phase.total).filter(has_begun).label("photos"),
            func.max(phase.clusters_found).filter(clustering).label("people"),
            func.sum(phase.failed).cast(BigInteger).label("failed"),
        )
        .where(of_session)
        .lateral()
    )
    return select(*TrainingSession.__table__.columns, *figures.c).join(figures, true())


def create_session(
    db: Session,
    *,
    root: str,
    name: str | None,
    pack: str,
    options: Mapping[str, Any],
    now: datetime,
) -> SessionInfo:
    """Create a pending session with pending phases, and return it; discovery is not finished."""
    library_id = provide_library(db, root)
    values = {"root": root, "name": name, "pack": pack, "options": dict(options)}
    statement = insert(TrainingSession).values(
        **values, library_id=library_id, status=SessionStatus.PENDING, created_at=now
    )
    session_id = db.execute(statement.returning(TrainingSession.id)).scalar_one()
    phases = [
        {
            "session_id": session_id,
            "phase": phase,
            "status": PhaseStatus.PENDING,
            "discovering": phase.counts_photos,
        }
        for phase in PhaseName
    ]
    db.execute(insert(SessionPhase).values(phases))
    return get_session(db, session_id)


def get_session(db: Session, session_id: int, *, for_change: bool = False) -> SessionInfo:
    """Return the session; raise NotFound when there is none.

    `for_change` locks its status until the transaction ends.
    """
    if for_change:
        _lock_status(db, session_id)
    row = db.execute(_select().where(TrainingSession.id == session_id)).mappings().first()
    if row is None:
        raise NotFound("session", session_id)
    return SessionInfo.from_row(row)


def find_newest_pack(db: Session) -> str | None:
    """Return the pack of the newest session; None when there is no session."""
    newest = select(TrainingSession.pack).order_by(TrainingSession.id.desc()).limit(1)
    return db.execute(newest).scalar()


def find_pack_source(db: Session, pack: str) -> str:
    """Return the name or folder from which the newest session of a pack opened it.

    Without a session, it is the pack's name.
    """
    newest = (
        select(TrainingSession.options["pack"].astext)
        .where(TrainingSession.pack == pack)
        .order_by(TrainingSession.id.desc())
        .limit(1)
    )
    return db.execute(newest).scalar() or pack


def find_unfinished_session(db: Session, *, root: str, pack: str) -> SessionInfo | None:
    """Return the newest session of this root and pack that is not finished; None without one."""
    statement = (
        _select()
        .where(TrainingSession.root == root, TrainingSession.pack == pack)
        .where(TrainingSession.status.in_(_UNFINISHED))
        .order_by(TrainingSession.id.desc())
        .limit(1)
    )
    row = db.execute(statement).mappings().first()
    return None if row is None else SessionInfo.from_row(row)


def list_sessions(db: Session, *, limit: int, before_id: int | None = None) -> list[SessionInfo]:
    """Return at most `limit` sessions, newest first, older than `before_id` when it is given."""
    statement = _select().order_by(TrainingSession.id.desc()).limit(limit)
    if before_id is not None:
        statement = statement.where(TrainingSession.id < before_id)
    return [SessionInfo.from_row(row) for row in db.execute(statement).mappings()]


def count_sessions(db: Session) -> int:
    """Return the number of sessions in the database."""
    return db.execute(select(func.count()).select_from(TrainingSession)).scalar_one()


def set_job(db: Session, session_id: int, job_id: str | None) -> None:
    """Store the id of the Ray job that runs the session; None when a command runs it.

    Raises NotFound.
    """
    _update(db, session_id, {"job_id": job_id})


def move_session(
    db: Session, session_id: int, move: Move, *, now: datetime, error: str | None = None
) -> SessionStatus:
    """Make one legal move of the session and its phases, and return the new status.

    Two moves at the same moment run one after the other. `error` is stored with the session; a move
    without it clears it. The session's channels are notified of its end. Raises NotFound, or
    IllegalMove with nothing changed.
    """
    after = apply_move(check_move(db, session_id, move), move)
    values: dict[str, Any] = {
        "status": after,
        "error": storable_text(error),
        "completed_at": func.greatest(TrainingSession.started_at, now)
        if after.is_terminal
        else None,
    }
    if after is SessionStatus.RUNNING:
        values["started_at"] = func.coalesce(TrainingSession.started_at, now)
    _update(db, session_id, values)
    _carry_phases(db, session_id, move, now=now)
    if after in TOLD:
        add_notifications(db, session_id, after, now=now)
    return after


def get_status(db: Session, session_id: int) -> SessionStatus:
    """Return only the status of a session, by one fast query. Raises NotFound."""
    status = db.execute(_STATUS, {"id": session_id}).scalar()
    if status is None:
        raise NotFound("session", session_id)
    return SessionStatus(status)


def check_move(db: Session, session_id: int, move: Move) -> SessionStatus:
    """Check that `move` is legal, lock the status until the transaction ends, and return it.

    Raises NotFound or IllegalMove.
    """
    status = _lock_status(db, session_id)
    if move not in LEGAL_MOVES[status]:
        has_failed = get_session(db, session_id).failed > 0
        legal = users_moves(status, has_failed=has_failed)
        raise IllegalMove(status=status, move=move, legal=legal)
    return status


def _lock_status(db: Session, session_id: int) -> SessionStatus:
    statement = select(TrainingSession.status).where(TrainingSession.id == session_id)
    # A full row lock would block new items, because they refer to the row.
    row = db.execute(statement.with_for_update(key_share=True)).first()
    if row is None:
        raise NotFound("session", session_id)
    return SessionStatus(row.status)


def _update(db: Session, session_id: int, values: Mapping[str, Any]) -> None:
    statement = update(TrainingSession).where(TrainingSession.id == session_id).values(values)
    if db.execute(statement.returning(TrainingSession.id)).first() is None:
        raise NotFound("session", session_id)


def _carry_phases(db: Session, session_id: int, move: Move, *, now: datetime) -> None:
    """Change the phases so that overall_status() gives the new status of the session.

    The running phase takes the new status. Between two phases, the next one takes it.
    """
    statement = (
        select(SessionPhase.phase, SessionPhase.status, SessionPhase.started_at)
        .where(SessionPhase.session_id == session_id)
        # Locked in the order of the phases, as discovery does, to avoid a deadlock.
        .order_by(case(_PLACES, value=SessionPhase.phase))
        .with_for_update()
    )
    unfinished = [row for row in db.execute(statement) if row.status is not PhaseStatus.COMPLETED]
    under_way = [row for row in unfinished if row.status.has_started] or unfinished[:1]
    if move in (Move.PAUSE, Move.CANCEL, Move.FAIL, Move.START):
        status = _CARRIED[move]
        for row in under_way:
            _set_status(db, session_id, row.phase, status=status, now=now)
    elif move is not Move.COMPLETE:
        for row in unfinished:
            is_going_on = move in (Move.RESUME, Move.TAKE_OVER)
            goes_on = is_going_on and (row.started_at or row is unfinished[0])
            status = PhaseStatus.RUNNING if goes_on else PhaseStatus.PENDING
            _set_status(db, session_id, row.phase, status=status, now=now)


_PLACES = {phase.value: place for place, phase in enumerate(PhaseName)}
_CARRIED = {
    Move.START: PhaseStatus.RUNNING,
    Move.PAUSE: PhaseStatus.PAUSED,
    Move.CANCEL: PhaseStatus.CANCELLED,
    Move.FAIL: PhaseStatus.FAILED,
}


def _set_status(
    db: Session, session_id: int, phase: PhaseName, *, status: PhaseStatus, now: datetime
) -> None:
    """Set one phase's status; the error is kept only if the phase has failed."""
    values: dict[str, Any] = {"status": status, "revision": SessionPhase.revision + 1}
    if status is not PhaseStatus.FAILED:
        values["error"] = None
    if status is PhaseStatus.RUNNING:
        values["started_at"] = func.coalesce(SessionPhase.started_at, now)
    db.execute(
        update(SessionPhase)
        .where(SessionPhase.session_id == session_id, SessionPhase.phase == phase)
        .where(SessionPhase.status != status)
        .values(values)
    )

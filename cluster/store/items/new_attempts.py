"""Repeats a phase for all of its photos, or only for the failed ones.

Later phases follow: a photo that is read again is searched again, and clustering is repeated after
every change. Each repeated phase begins a new attempt, its counts are computed from its items, and
workers of the earlier attempt can no longer commit. Faces stay until their photo has been searched
again, so that people keep them (people/redetected_faces.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import NothingFailed
from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import (
    PHOTO_PHASES,
    Move,
    PhaseName,
    PhaseStatus,
    SessionStatus,
    SkipReason,
    users_moves,
)
from cluster.store.database.columns import for_each_photo_phase
from cluster.store.sessions.attempts import hold_attempts_closed
from cluster.store.sessions.counts import set_phase
from cluster.store.sessions.phase_rows import restart_clustering
from cluster.store.sessions.session_rows import check_move, move_session
from cluster.store.sessions.snapshots import get_snapshots

_UNREAD = """
    UPDATE session_item SET training_state = 'pending', training_skip = NULL,
        training_reason = NULL, detection_state = 'pending', detection_skip = NULL,
        detection_reason = NULL
    WHERE session_id = :session_id
    """
_UNSEEN = """
    UPDATE session_item s SET detection_state = 'pending', detection_skip = NULL,
        detection_reason = NULL
    WHERE s.session_id = :session_id
    """

# One file of each photo is searched again; duplicates and unreadable photos are not.
_RESET_ALL = {
    PhaseName.TRAINING: text(_UNREAD),
    PhaseName.FACE_DETECTION: text(
        f"""
        WITH known AS (
            SELECT DISTINCT ON (f.image_id) t.file_id, t.detection_state
            FROM session_item t JOIN file f ON f.id = t.file_id JOIN image i ON i.id = f.image_id
            WHERE t.session_id = :session_id AND i.duplicate_of IS NULL
                AND (t.detection_state IN ('processed', 'failed')
                    OR t.detection_skip IN ('unchanged', 'same_picture', 'moved'))
            ORDER BY f.image_id, f.companion, t.detection_state = 'processed' DESC, t.position
        )
        UPDATE session_item s SET detection_state = 'pending', detection_skip = NULL,
            detection_reason = NULL,
            training_skip = CASE WHEN training_state = 'skipped' THEN 'unchanged' END,
            training_reason = CASE WHEN training_state = 'skipped'
                THEN '{SkipReason.UNCHANGED.words}' END
        FROM known WHERE s.session_id = :session_id AND s.file_id = known.file_id
        """
    ),
}
_RESET_FAILED = {
    PhaseName.TRAINING: text(f"{_UNREAD} AND training_state = 'failed'"),
    PhaseName.FACE_DETECTION: text(f"{_UNSEEN} AND s.detection_state = 'failed'"),
}

_FORGET_DETECTIONS = text(
    """
    DELETE FROM detection d
    USING session_item s JOIN training_session t ON t.id = s.session_id
        JOIN file f ON f.id = s.file_id
    WHERE t.id = :session_id AND d.image_id = f.image_id AND d.pack = t.pack
        AND s.detection_state = 'pending'
    """
)

# Items that are already finished need no work in the new attempt, so they count as `unchanged`.
_RECOUNT = for_each_photo_phase(
    """
    WITH counts AS (
        SELECT count(*) FILTER (WHERE PHASE_state = 'processed') AS processed,
            count(*) FILTER (WHERE PHASE_state = 'skipped') AS skipped,
            count(*) FILTER (WHERE PHASE_state = 'failed') AS failed
        FROM session_item WHERE session_id = :session_id
    ), found AS (
        SELECT coalesce(sum(d.faces), 0) AS faces FROM session_item s
        JOIN training_session t ON t.id = s.session_id
        JOIN file k ON k.id = s.file_id
        JOIN detection d ON d.image_id = k.image_id AND d.pack = t.pack
        WHERE t.id = :session_id AND :phase = 'face_detection' AND s.detection_state = 'processed'
    )
    UPDATE session_phase p SET processed = c.processed, skipped = c.skipped, failed = c.failed,
        unchanged = c.processed + c.skipped + c.failed, faces_detected = f.faces,
        high_water_mark = 0, active_s = 0, pixels = 0, bytes = 0, waited_s = 0, workers = 0,
        status = 'pending', attempt = attempt + 1, revision = revision + 1,
        started_at = NULL, completed_at = NULL, error = NULL, step = NULL
    FROM counts c, found f WHERE p.session_id = :session_id AND p.phase = :phase
    """
)


def restart_session(
    db: Session, session_id: int, phase: PhaseName, *, failed_only: bool = False, now: datetime
) -> SessionStatus:
    """Make the session pending, with all photos of `phase`, or only the failed ones, pending.

    Restarting training also discovers new photos. Returns the session's status. Raises NotFound,
    IllegalMove or NothingFailed, with nothing changed.
    """
    if failed_only and phase in PHOTO_PHASES:
        return _try_failed_again(db, session_id, (phase,), move=Move.RESTART, now=now)
    _close(db, session_id, Move.RESTART)
    if phase in PHOTO_PHASES:
        db.execute(_RESET_ALL[phase], {"session_id": session_id})
        _begin_attempts(db, session_id, PHOTO_PHASES[PHOTO_PHASES.index(phase) :])
    if phase is PhaseName.TRAINING:
        for name in PHOTO_PHASES:
            set_phase(db, session_id, name, discovering=True)
    _restart_clustering_again(db, session_id)
    return move_session(db, session_id, Move.RESTART, now=now)


def retry_session(
    db: Session, session_id: int, *, phase: PhaseName | None = None, now: datetime
) -> SessionStatus:
    """Make the session pending, with the failed photos of one or both photo phases pending again.

    Photos that are still pending are processed too. Returns the session's status. Raises NotFound,
    IllegalMove with nothing changed, or NothingFailed when a completed session has no failed photo.
    """
    phases = [name for name in PHOTO_PHASES if phase in (None, name)]
    return _try_failed_again(db, session_id, phases, move=Move.RETRY, now=now)


def _try_failed_again(
    db: Session, session_id: int, phases: Iterable[PhaseName], *, move: Move, now: datetime
) -> SessionStatus:
    status = _close(db, session_id, move)
    failed = _count_failed(get_snapshots(db, session_id))
    affected = [name for name in phases if failed[name]]
    if not affected and status is SessionStatus.COMPLETED:
        raise NothingFailed(status=status, move=move, legal=users_moves(status, has_failed=False))
    for name in affected:
        db.execute(_RESET_FAILED[name], {"session_id": session_id})
    if affected:
        _begin_attempts(db, session_id, PHOTO_PHASES[PHOTO_PHASES.index(affected[0]) :])
        _restart_clustering_again(db, session_id)
    return move_session(db, session_id, move, now=now)


def _close(db: Session, session_id: int, move: Move) -> SessionStatus:
    """Lock out workers until the transaction ends; return the status, if `move` is legal."""
    hold_attempts_closed(db, session_id)
    return check_move(db, session_id, move)


def _count_failed(phases: Iterable[PhaseSnapshot]) -> Mapping[PhaseName, int]:
    return {phase.name: phase.counts.failed for phase in phases}


def _begin_attempts(db: Session, session_id: int, phases: Iterable[PhaseName]) -> None:
    db.execute(_FORGET_DETECTIONS, {"session_id": session_id})
    for name in phases:
        db.execute(_RECOUNT[name], {"session_id": session_id, "phase": name.value})


def _restart_clustering_again(db: Session, session_id: int) -> None:
    """Begin a new attempt at clustering, unless the current one has not started."""
    phases = {phase.name: phase for phase in get_snapshots(db, session_id)}
    clustering = phases[PhaseName.CLUSTERING]
    if clustering.status is not PhaseStatus.PENDING or clustering.counts.total:
        restart_clustering(db, session_id)

"""Checks the law of progress in the database; it must hold after every transaction."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import InvariantBroken, NotFound
from cluster.core.progress import PhaseSnapshot, check_counts
from cluster.core.sessions import PhaseStatus, SessionStatus, overall_status
from cluster.store.database.columns import ITEM_PREFIXES
from cluster.store.sessions.snapshots import get_snapshots

_STATES = ", ".join(f"('{phase.value}', s.{start}_state)" for phase, start in ITEM_PREFIXES.items())
_BY_STATE = text(
    f"""
    SELECT phase, state, count(*) AS items FROM session_item s
    CROSS JOIN LATERAL (
        VALUES {_STATES}
    ) AS p (phase, state)
    WHERE s.session_id = :session_id GROUP BY phase, state
    """
)

_LOST_DUPLICATES = text(
    """
    SELECT f.path FROM session_item s
    JOIN training_session t ON t.id = s.session_id
    JOIN file f ON f.id = s.file_id JOIN image i ON i.id = f.image_id
    WHERE s.session_id = :session_id AND s.training_skip IN ('duplicate', 'companion')
        AND NOT EXISTS (
            SELECT FROM detection d WHERE d.pack = t.pack
                AND d.image_id = coalesce(i.duplicate_of, i.id)
        ) AND NOT EXISTS (
            SELECT FROM file r JOIN session_item o ON o.file_id = r.id
            WHERE o.session_id = s.session_id AND r.image_id = coalesce(i.duplicate_of, i.id)
                AND (o.training_state = 'processed' OR o.training_state = 'skipped'
                    AND o.training_skip NOT IN ('duplicate', 'companion'))
        )
    LIMIT 1
    """
)

_IS_REASONLESS = " OR ".join(
    f"(s.{start}_state IN ('skipped', 'failed')) <> (s.{start}_reason IS NOT NULL)"
    f" OR (s.{start}_state = 'skipped') <> (s.{start}_skip IS NOT NULL)"
    for start in ITEM_PREFIXES.values()
)
_REASONLESS = text(
    f"""
    SELECT f.path FROM session_item s JOIN file f ON f.id = s.file_id
    WHERE s.session_id = :session_id
        AND ({_IS_REASONLESS})
    LIMIT 1
    """
)


def check_session(db: Session, session_id: int) -> None:
    """Raise InvariantBroken when the law of progress does not hold for a session.

    The law: the counts of each row equal the numbers of its items by state, and 0 <= finished <=
    total. All items of a completed phase are finished. Every skipped or failed item has a reason.
    Each duplicate has a representative that is not a duplicate. The session's status follows from
    its phases.
    """
    phases = get_snapshots(db, session_id)
    for phase in phases:
        check_counts(phase.counts)
        _check_completed(phase)
    _check_items(db, session_id, phases)
    for query, claim in (
        (_LOST_DUPLICATES, "is a duplicate without a representative"),
        (_REASONLESS, "has a state that does not match its reason"),
    ):
        path = db.execute(query, {"session_id": session_id}).scalar()
        if path is not None:
            raise InvariantBroken(f"In session {session_id}, {path} {claim}.")
    _check_status(db, session_id, phases)


def _check_completed(phase: PhaseSnapshot) -> None:
    is_unfinished = phase.is_discovering or phase.counts.finished != phase.counts.total
    if phase.status is PhaseStatus.COMPLETED and is_unfinished:
        raise InvariantBroken(f"{phase.name} is completed with {phase.counts}.")


def _check_items(db: Session, session_id: int, phases: tuple[PhaseSnapshot, ...]) -> None:
    rows = db.execute(_BY_STATE, {"session_id": session_id})
    items = {(row.phase, row.state): row.items for row in rows}
    for phase in phases:
        if not phase.name.counts_photos:
            continue
        counts = phase.counts
        told = {
            "pending": counts.total - counts.finished,
            "processed": counts.processed,
            "skipped": counts.skipped,
            "failed": counts.failed,
        }
        found = {state: items.get((phase.name.value, state), 0) for state in told}
        if told != found:
            raise InvariantBroken(f"The {phase.name} row says {told}, its items say {found}.")


def _check_status(db: Session, session_id: int, phases: tuple[PhaseSnapshot, ...]) -> None:
    query = text("SELECT status FROM training_session WHERE id = :session_id")
    status = db.execute(query, {"session_id": session_id}).scalar()
    if status is None:
        raise NotFound("session", session_id)
    derived = overall_status([phase.status for phase in phases])
    # A restarted session is pending although some of its phases have begun.
    if status not in (derived, SessionStatus.PENDING):
        raise InvariantBroken(f"Session {session_id} is {status}, its phases say {derived}.")

"""Attempts at a phase: a worker's commit counts in its own attempt, and in no later one.

Every transaction that commits items holds the ATTEMPTS lock of its session shared. A transaction
that begins a new attempt holds it exclusively. So a batch is counted before the new attempt begins,
or not at all. The lock comes first in each transaction, so transactions cannot deadlock.

At most COMMIT_SLOT_COUNT workers commit at the same time, each in a commit slot. Hundreds of
commits at the same time would wait for each other's rows (bench/RESULTS.md, "What the bookkeeping
allows").
"""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.sessions import PhaseName
from cluster.store.database.tables import SessionPhase
from cluster.store.locks import ATTEMPTS, COMMIT_SLOTS, key_of

COMMIT_SLOT_COUNT = 8

_OPEN = text("SELECT pg_advisory_xact_lock_shared(:key)")
_OPEN_IN_SLOT = text(
    "SELECT pg_advisory_xact_lock_shared(:key),"
    f" pg_advisory_xact_lock({COMMIT_SLOTS << 32} + pg_backend_pid() % {COMMIT_SLOT_COUNT})"
)
_CLOSE = text("SELECT pg_advisory_xact_lock(:key)")


def hold_attempts_open(db: Session, session_id: int, *, in_slot: bool = False) -> None:
    """Prevent new attempts until the transaction ends; `in_slot` also waits for a commit slot."""
    db.execute(_OPEN_IN_SLOT if in_slot else _OPEN, {"key": key_of(ATTEMPTS, session_id)})


def hold_attempts_closed(db: Session, session_id: int) -> None:
    """Prevent commits of the session's workers until the transaction ends."""
    db.execute(_CLOSE, {"key": key_of(ATTEMPTS, session_id)})


def hold_current_attempt(
    db: Session,
    session_id: int,
    phase: PhaseName,
    attempt: int | None,
    *,
    in_slot: bool = False,
) -> bool:
    """Hold the phase's current attempt open, and tell whether it is `attempt` (None always is).

    `in_slot` also waits for a commit slot. Raises NotFound.
    """
    hold_attempts_open(db, session_id, in_slot=in_slot)
    # A separate statement after the lock sees rows that were committed while it waited.
    statement = select(SessionPhase.attempt).where(
        SessionPhase.session_id == session_id, SessionPhase.phase == phase
    )
    current = db.execute(statement).scalar_one_or_none()
    if current is None:
        raise NotFound("session", session_id)
    return attempt is None or attempt == current

"""One attempt at a phase: what its workers commit counts in it, and in no later one.

Every transaction that settles items holds its session's attempts open, shared; whoever begins a new
attempt holds them closed, alone. So a batch is counted before the new attempt begins, or not at
all. The lock comes first in each transaction, and with it no two of them wait for each other.

Workers commit COMMIT_SLOT_COUNT at a time, each in a slot: hundreds at once would spend the
database's time on waiting for each other's rows (bench/RESULTS.md, "What the bookkeeping allows").
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
    """Let no new attempt begin until the transaction ends; workers wait for a slot, `in_slot`."""
    db.execute(_OPEN_IN_SLOT if in_slot else _OPEN, {"key": key_of(ATTEMPTS, session_id)})


def hold_attempts_closed(db: Session, session_id: int) -> None:
    """Let no worker of the session commit until the transaction ends."""
    db.execute(_CLOSE, {"key": key_of(ATTEMPTS, session_id)})


def is_current_attempt(
    db: Session,
    session_id: int,
    phase: PhaseName,
    attempt: int | None,
    *,
    in_slot: bool = False,
) -> bool:
    """Tell whether `attempt` is the phase's, and hold it open; None is whichever is current."""
    hold_attempts_open(db, session_id, in_slot=in_slot)
    # Another statement than the lock: it sees what was committed while the lock was waited for.
    statement = select(SessionPhase.attempt).where(
        SessionPhase.session_id == session_id, SessionPhase.phase == phase
    )
    current = db.execute(statement).scalar_one_or_none()
    if current is None:
        raise NotFound("session", session_id)
    return attempt is None or attempt == current

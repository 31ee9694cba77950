"""Reads the counts of a phase row, and adds to them.

A transaction that moves items updates the phase row last, so that the row is locked only briefly.
Every change raises the revision, which shows the newer of two readings.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, select, text, update
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.pictures.photos import Settled, Work
from cluster.core.progress import PhaseCounts
from cluster.core.sessions import PhaseName
from cluster.store.database.tables import SessionPhase

_ADD = text(
    """
    UPDATE session_phase SET
        total = total + :total, processed = processed + :processed,
        skipped = skipped + :skipped, failed = failed + :failed,
        unchanged = unchanged + :unchanged,
        faces_detected = faces_detected + :faces_detected, revision = revision + 1,
        pixels = pixels + :pixels, bytes = bytes + :read_bytes, waited_s = waited_s + :waited_s,
        workers = greatest(workers, :workers)
    WHERE session_id = :session_id AND phase = :phase
    RETURNING revision, total, processed, skipped, failed, faces_detected, unchanged
    """
)

NO_WORK = Work()
"""The work of items that needed none, and of changes by the driver."""


def no_wait() -> float:
    """Return 0.0 as the seconds of waiting for the database."""
    return 0.0


def add_counts(
    db: Session,
    session_id: int,
    phase: PhaseName,
    *,
    total: int = 0,
    processed: int = 0,
    skipped: int = 0,
    failed: int = 0,
    unchanged: int = 0,
    faces_detected: int = 0,
    work: Work = NO_WORK,
) -> Settled:
    """Add to the counts, raise the revision by one, and return the new absolute counts.

    `work` is added in the same UPDATE. If all counts are 0, nothing changes, not even the revision,
    so a batch that moves no item adds no work. Raises NotFound.
    """
    added = {
        "total": total,
        "processed": processed,
        "skipped": skipped,
        "failed": failed,
        "unchanged": unchanged,
        "faces_detected": faces_detected,
    }
    if not any(added.values()):
        return get_settled(db, session_id, phase)
    key = {"session_id": session_id, "phase": phase.value}
    row = db.execute(_ADD, {**key, **added, **asdict(work)}).first()
    if row is None:
        raise NotFound("session", session_id)
    return to_settled(row)


def get_settled(db: Session, session_id: int, phase: PhaseName) -> Settled:
    """Return the current counts of the phase row; raise NotFound when there is no such session."""
    row = db.execute(select(SessionPhase.__table__).where(_is(session_id, phase))).first()
    if row is None:
        raise NotFound("session", session_id)
    return to_settled(row)


def _is(session_id: int, phase: PhaseName) -> ColumnElement[bool]:
    return and_(SessionPhase.session_id == session_id, SessionPhase.phase == phase)


def set_phase(db: Session, session_id: int, phase: PhaseName, **values: Any) -> Row[Any]:
    """Set these columns, raise the revision, and return the new row. Raises NotFound."""
    statement = (
        update(SessionPhase)
        .where(_is(session_id, phase))
        .values(**values, revision=SessionPhase.revision + 1)
        .returning(*SessionPhase.__table__.columns)
    )
    row = db.execute(statement).first()
    if row is None:
        raise NotFound("session", session_id)
    return row


def to_settled(row: Row[Any]) -> Settled:
    """Return the counts and the revision of a phase row."""
    return Settled(
        revision=row.revision,
        counts=PhaseCounts(row.total, row.processed, row.skipped, row.failed),
        faces_detected=row.faces_detected,
        unchanged=row.unchanged,
    )

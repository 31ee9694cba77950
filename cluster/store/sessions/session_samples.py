"""Stores samples of a session's progress and promises, and how long it has worked."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cluster.core.sessions import PhaseName
from cluster.core.time_left.promises import Sample, sampling_stride
from cluster.core.time_left.timing import Moment, TimeRange
from cluster.store.database.engine import Engine, begin
from cluster.store.database.tables import SessionSample

_KEEP_SESSION = text(
    """
    UPDATE training_session SET active_s = :active_s, time_percentage = :time_percentage
    WHERE id = :id
    """
)
_KEEP_PHASE = text(
    """
    UPDATE session_phase SET active_s = :active_s
    WHERE session_id = :id AND phase = :phase AND attempt = :attempt
    """
)
_READ = text(
    """
    SELECT active_s, time_percentage,
        (SELECT jsonb_object_agg(phase, p.active_s) FROM session_phase p WHERE session_id = s.id)
    FROM training_session s WHERE id = :id
    """
)


def keep_moment(
    engine: Engine,
    session_id: int,
    moment: Moment,
    *,
    attempts: dict[PhaseName, int],
    samples: Sequence[Sample],
) -> None:
    """Store how long a session has worked, and its samples, in one transaction.

    An erased session, and a phase with a newer attempt, are not changed. Raises
    DatabaseUnavailable.
    """
    with begin(engine) as db:
        row = {"active_s": moment.worked_s, "time_percentage": moment.time_percentage}
        kept = db.execute(_KEEP_SESSION, {"id": session_id, **row})
        if not kept.rowcount:  # type: ignore[attr-defined]
            return
        for phase, worked_s in moment.phases_s.items():
            key = {"id": session_id, "phase": phase.value, "attempt": attempts[phase]}
            db.execute(_KEEP_PHASE, {"active_s": worked_s, **key})
        add_samples(db, session_id, samples, worked_s=moment.worked_s)


def add_samples(
    db: Session, session_id: int, samples: Sequence[Sample], *, worked_s: float
) -> None:
    """Store samples, and thin out earlier ones to the stride for the session's length."""
    if not samples:
        return
    rows = [_to_row(session_id, sample) for sample in samples]
    statement = insert(SessionSample)
    values = {name: statement.excluded[name] for name in rows[0]}
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["session_id", "scope", "number"], set_=values
        ),
        rows,
    )
    stride = sampling_stride(worked_s)
    if stride > 1 and samples[0].number % (16 * stride) == 0:
        between = (SessionSample.session_id == session_id) & (SessionSample.number % stride != 0)
        db.execute(delete(SessionSample).where(between, SessionSample.active_s < worked_s - stride))


def forget_samples(engine: Engine, session_id: int) -> None:
    """Delete the samples of a session whose phases are repeated."""
    with begin(engine) as db:
        db.execute(delete(SessionSample).where(SessionSample.session_id == session_id))


def list_samples(db: Session, session_id: int) -> list[Sample]:
    """Return the samples of a session, by scope and number."""
    statement = (
        select(SessionSample)
        .where(SessionSample.session_id == session_id)
        .order_by(SessionSample.scope, SessionSample.number)
    )
    return [_to_sample(row) for row in db.scalars(statement)]


def read_moment(engine: Engine, session_id: int) -> Moment:
    """Return how long a session has worked, as `keep_moment` stored it."""
    with begin(engine) as db:
        row = db.execute(_READ, {"id": session_id}).one_or_none()
    if row is None:
        return Moment()
    phases_s = {PhaseName(name): float(worked_s) for name, worked_s in (row[2] or {}).items()}
    return Moment(float(row[0]), phases_s, {}, float(row[1]))


def _to_row(session_id: int, sample: Sample) -> dict[str, object]:
    left = sample.left
    return {
        "session_id": session_id,
        "scope": sample.scope,
        "number": sample.number,
        "active_s": sample.worked_s,
        "finished": sample.finished,
        "total": sample.total,
        "low_s": None if left is None else left.low_s,
        "middle_s": None if left is None else left.middle_s,
        "high_s": None if left is None else left.high_s,
    }


def _to_sample(row: SessionSample) -> Sample:
    left = None
    if row.low_s is not None and row.middle_s is not None and row.high_s is not None:
        left = TimeRange(row.low_s, row.middle_s, row.high_s)
    return Sample(row.scope, row.number, row.active_s, row.finished, row.total, left)

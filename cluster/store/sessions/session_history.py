"""The history of sessions: speeds from samples of progress, and the deletion of old samples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.sessions import PhaseName, SessionStatus
from cluster.core.time_left.speed_series import SpeedPoint, SpeedSample, measure_speed

_LIST = text(
    """
    SELECT scope, active_s, finished FROM session_sample
    WHERE session_id = :session_id AND scope = ANY(:phases) ORDER BY scope, number
    """
)

_ENDED = ", ".join(f"'{status}'" for status in SessionStatus if status.is_terminal)
_OLD = f"""
    SELECT id FROM training_session WHERE status IN ({_ENDED}) AND completed_at < :before
    """
_FORGET = tuple(
    text(f"DELETE FROM {table} WHERE session_id IN ({_OLD})")
    for table in ("session_sample", "notification")
)


def measure_speeds(db: Session, session_id: int) -> Mapping[PhaseName, tuple[SpeedPoint, ...]]:
    """Return the speed of each phase of a session over time; empty without samples."""
    samples: dict[PhaseName, list[SpeedSample]] = {phase: [] for phase in PhaseName}
    key = {"session_id": session_id, "phases": [phase.value for phase in PhaseName]}
    for row in db.execute(_LIST, key):
        samples[PhaseName(row.scope)].append(SpeedSample(row.active_s, row.finished))
    return {phase: measure_speed(of_phase) for phase, of_phase in samples.items()}


def forget_history(db: Session, *, before: datetime) -> None:
    """Delete the samples and notifications of sessions that ended before a time.

    The sessions, their phases and their counts stay.
    """
    for statement in _FORGET:
        db.execute(statement, {"before": before})

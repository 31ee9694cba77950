"""Stores the high-water mark of a phase, below which the shown count never falls."""

from __future__ import annotations

from sqlalchemy import Engine, text

from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin

_KEEP = text(
    """
    UPDATE session_phase SET high_water_mark = :count
    WHERE session_id = :session_id AND phase = :phase AND attempt = :attempt
        AND high_water_mark < :count
    """
)


def raise_high_water_mark(
    engine: Engine, session_id: int, phase: PhaseName, attempt: int, count: int
) -> None:
    """Record that `count` finished photos of this attempt are shown; call it before showing them.

    A lower count, or a count of another attempt, changes nothing. The revision does not rise,
    because the settled counts are unchanged. Raises DatabaseUnavailable.
    """
    key = {"session_id": session_id, "phase": phase.value, "attempt": attempt, "count": count}
    with begin(engine) as db:
        db.execute(_KEEP, key)

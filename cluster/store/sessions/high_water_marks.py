"""What of a phase was shown before it was committed: its count does not fall below it."""

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
    """Keep that `count` photos of this attempt are about to be shown as finished.

    Lower ones, and those of another attempt, change nothing. The revision stays: the counts are
    what they were. Raises DatabaseUnavailable.
    """
    key = {"session_id": session_id, "phase": phase.value, "attempt": attempt, "count": count}
    with begin(engine) as db:
        db.execute(_KEEP, key)

"""What of a phase was shown before it was committed: its count does not fall below it."""

from __future__ import annotations

from sqlalchemy import Engine, update

from cluster.core.sessions import PhaseName
from cluster.store.engine import begin
from cluster.store.tables import SessionPhase


def keep_floor(engine: Engine, session_id: int, phase: PhaseName, attempt: int, count: int) -> None:
    """Keep that `count` photos of this attempt are about to be shown as finished.

    Lower ones, and those of another attempt, change nothing. The revision stays: the counts are
    what they were. Raises DatabaseUnavailable.
    """
    statement = (
        update(SessionPhase)
        .where(
            SessionPhase.session_id == session_id,
            SessionPhase.phase == phase,
            SessionPhase.attempt == attempt,
            SessionPhase.floor < count,
        )
        .values(floor=count)
    )
    with begin(engine) as db:
        db.execute(statement)

"""The counts of a session's items, which the row of each phase must equal."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cluster.core.progress import PhaseCounts
from cluster.core.sessions import PhaseName
from cluster.store.database.columns import for_each_photo_phase

_COUNTS = for_each_photo_phase(
    """
    SELECT count(*) AS total,
        count(*) FILTER (WHERE PHASE_state = 'processed') AS processed,
        count(*) FILTER (WHERE PHASE_state = 'skipped') AS skipped,
        count(*) FILTER (WHERE PHASE_state = 'failed') AS failed
    FROM session_item WHERE session_id = :session_id
    """
)


def count_items_by_state(db: Session, session_id: int, phase: PhaseName) -> PhaseCounts:
    row = db.execute(_COUNTS[phase], {"session_id": session_id}).one()
    return PhaseCounts(*row)

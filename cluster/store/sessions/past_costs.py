"""What the phases of earlier sessions with a pack have cost, as this database has measured it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.sessions import PhaseName
from cluster.core.time_ranges import PastPhase

Past = Mapping[PhaseName, Sequence[PastPhase]]

MOST_SESSIONS = 5
"""The newest sessions tell best what the machine does today."""

FEWEST_ITEMS = 20
"""Less work than this is told apart from the start of a phase with difficulty."""

# An attempt that was paused says how long it worked; an older version of Headcount did not.
_PAST = text(
    """
    SELECT p.phase, p.items, p.seconds, p.searched, p.faces FROM (
        SELECT q.phase, q.processed + q.skipped + q.failed - q.unchanged AS items,
            q.processed AS searched, q.faces_detected AS faces,
            CASE WHEN q.active_s > 0 THEN q.active_s
                ELSE extract(epoch FROM q.completed_at - q.started_at) END AS seconds,
            row_number() OVER (PARTITION BY q.phase ORDER BY q.session_id DESC) AS nth
        FROM session_phase q JOIN training_session s ON s.id = q.session_id
        WHERE s.pack = :pack AND s.status = 'completed' AND q.completed_at > q.started_at
            AND q.processed + q.skipped + q.failed - q.unchanged >= :fewest
    ) p WHERE p.nth <= :most AND p.seconds > 0 ORDER BY p.phase, p.nth
    """
)


def list_past_phases(db: Session, *, pack: str) -> Past:
    """Return the phases of the newest completed sessions with this pack that had enough to do."""
    rows = db.execute(_PAST, {"pack": pack, "fewest": FEWEST_ITEMS, "most": MOST_SESSIONS}).all()
    return {
        phase: tuple(
            PastPhase(int(row.items), float(row.seconds), int(row.searched), int(row.faces))
            for row in rows
            if row.phase == phase
        )
        for phase in PhaseName
    }

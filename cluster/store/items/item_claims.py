"""Moves the items of a batch out of `pending`; items that are no longer pending do not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cluster.core.sessions import PhaseName
from cluster.store.database.columns import for_each_photo_phase
from cluster.store.sessions.attempts import hold_current_attempt

# Rows are locked in one order, so that a batch that runs twice at the same moment cannot deadlock.
# The condition is not "= 'pending'", because the planner would then use the index of all pending
# items.
_CLAIM = for_each_photo_phase(
    """
    WITH mine AS (
        SELECT file_id FROM session_item
        WHERE session_id = :session_id AND file_id = ANY(:ids)
            AND PHASE_state NOT IN ('processed', 'skipped', 'failed')
            AND :is_current
        ORDER BY file_id FOR UPDATE
    )
    UPDATE session_item s SET PHASE_reason = o.failure,
        PHASE_state = CASE WHEN o.failure IS NULL THEN 'processed' ELSE 'failed' END
    FROM mine JOIN unnest(CAST(:ids AS bigint[]), CAST(:failures AS text[]))
        AS o (file_id, failure) USING (file_id)
    WHERE s.session_id = :session_id AND s.file_id = mine.file_id
    RETURNING s.file_id, s.PHASE_reason IS NOT NULL AS has_failed, (
        SELECT f.image_id FROM file f WHERE f.id = s.file_id
    ) AS image_id
    """
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An item that moved to failed or processed; `image_id` is the photo that its file holds."""

    file_id: int
    has_failed: bool
    image_id: int | None


def claim_items(
    db: Session,
    session_id: int,
    phase: PhaseName,
    failures: Mapping[int, str | None],
    *,
    attempt: int | None,
) -> Sequence[Claimed]:
    """Move the pending items of a batch and return them; hold the attempt open in a commit slot.

    `failures` are the reasons by file id, None for a processed file. Nothing moves if `attempt` is
    not the current one; None is always current.
    """
    key = {
        "session_id": session_id,
        "is_current": hold_current_attempt(db, session_id, phase, attempt, in_slot=True),
        "ids": list(failures),
        "failures": list(failures.values()),
    }
    return [Claimed(*row) for row in db.execute(_CLAIM[phase], key)]

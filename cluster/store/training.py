"""A batch of training is committed: records kept, duplicates decided, items moved, counts added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.photos import Settled, TrainingOutcome
from cluster.core.sessions import ItemState, PhaseName
from cluster.store.attempts import is_current_attempt
from cluster.store.copying import Staging
from cluster.store.counts import add_counts
from cluster.store.representatives import decide_duplicates
from cluster.store.storable import storable_text, to_signed

NO_REASON = "the reason is not known"

_OUTCOMES = Staging(
    "training_outcome",
    (
        ("image_id", "int8"),
        ("failure", "text"),
        ("unreadable", "text"),
        ("sha256", "bytea"),
        ("width", "int8"),
        ("height", "int8"),
        ("taken_at", "timestamp"),
        ("phash", "int8"),
        ("dhash", "bytea"),
        ("thumbnail", "bytea"),
    ),
)

# Locked in one order, so that a batch that is run twice at the same moment waits for itself. Not
# "= 'pending'": that would invite the planner to the index of all pending items.
_CLAIM = text(
    """
    WITH mine AS (
        SELECT image_id FROM session_item
        WHERE session_id = :session_id AND image_id = ANY(:ids)
            AND training_state NOT IN ('processed', 'skipped', 'failed')
            AND :is_current
        ORDER BY image_id FOR UPDATE
    )
    UPDATE session_item s SET training_reason = o.failure,
        training_state = CASE WHEN o.failure IS NULL THEN 'processed' ELSE 'failed' END
    FROM mine JOIN training_outcome o USING (image_id)
    WHERE s.session_id = :session_id AND s.image_id = mine.image_id
    RETURNING s.image_id, s.training_state
    """
)

_RECORD = text(
    """
    UPDATE image SET sha256 = o.sha256, width = o.width, height = o.height,
        taken_at = o.taken_at, phash = o.phash, dhash = o.dhash, thumbnail = o.thumbnail,
        unreadable = o.unreadable, duplicate_of = NULL
    FROM training_outcome o WHERE image.id = o.image_id AND o.image_id = ANY(:ids)
    """
)


def settle_training(
    db: Session,
    session_id: int,
    outcomes: Sequence[TrainingOutcome],
    *,
    pack: str,
    attempt: int | None = None,
) -> Settled:
    """Commit a batch's outcomes and return the phase's counts.

    Only items that were pending move; a batch run twice, of items that are gone, or of another
    `attempt` than the present one (None is whichever it is) adds nothing. Of each group of
    duplicates exactly one is processed, whatever the order of the batches.
    """
    is_current = is_current_attempt(db, session_id, PhaseName.TRAINING, attempt, in_turn=True)
    by_id = {outcome.image_id: outcome for outcome in outcomes}
    _OUTCOMES.fill(db, (_to_row(outcome) for outcome in by_id.values()))
    key = {"session_id": session_id, "ids": list(by_id), "is_current": is_current}
    moved = {row.image_id: row.training_state for row in db.execute(_CLAIM, key)}
    processed = [image_id for image_id, state in moved.items() if state == ItemState.PROCESSED]
    became_skipped = 0
    if moved:
        db.execute(_RECORD, {"ids": list(moved)})
    records = [record for image_id in processed if (record := by_id[image_id].record)]
    if records:
        phashes = [to_signed(record.phash) for record in records]
        became_skipped = decide_duplicates(db, session_id, phashes, pack=pack)
    return add_counts(
        db,
        session_id,
        PhaseName.TRAINING,
        processed=len(processed) - became_skipped,
        skipped=became_skipped,
        failed=len(moved) - len(processed),
    )


def _to_row(outcome: TrainingOutcome) -> tuple[Any, ...]:
    record = outcome.record
    if record is None:
        reason = storable_text(outcome.failure) or NO_REASON
        return (outcome.image_id, reason, reason if outcome.is_lasting else None, *[None] * 7)
    return (
        outcome.image_id,
        None,
        None,
        record.sha256,
        record.width,
        record.height,
        record.taken_at,
        to_signed(record.phash),
        record.dhash.to_bytes(32, "big"),
        record.thumbnail,
    )

"""Commits a batch of training: moves items, stores photos, decides duplicates, adds counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.pictures.photos import Settled, TrainingOutcome, Work
from cluster.core.sessions import PhaseName, SkipReason
from cluster.store.database.storable import storable_text
from cluster.store.items.item_claims import claim_items
from cluster.store.locks import lock_library
from cluster.store.people.face_placements import Turn
from cluster.store.photos.file_contents import place_contents
from cluster.store.photos.representatives import decide_duplicates
from cluster.store.sessions.counts import add_counts, no_wait

NO_REASON = "the reason is not known"

# Only failures caused by the content are stored. Other files may become readable.
_NOTE_UNREADABLE = text(
    """
    UPDATE file SET unreadable = o.reason, is_read = true, missing_since = NULL
    FROM unnest(CAST(:ids AS bigint[]), CAST(:reasons AS text[])) AS o (id, reason)
    WHERE file.id = o.id
    """
)

_SKIP_SAME = text(
    f"""
    UPDATE session_item s SET training_state = 'skipped', training_skip = 'same_picture',
        training_reason = '{SkipReason.SAME_PICTURE.words}'
    FROM file f JOIN image i ON i.id = f.image_id
    WHERE s.session_id = :session_id AND s.file_id = f.id AND f.id = ANY(:ids)
        AND EXISTS (
            SELECT FROM detection d WHERE d.image_id IN (i.id, i.duplicate_of) AND d.pack = :pack
        )
    RETURNING s.file_id
    """
)

# Files whose known photo was forgotten while they were read must be read again.
_GIVE_BACK = text(
    """
    UPDATE session_item SET training_state = 'pending', training_skip = NULL, training_reason = NULL
    WHERE session_id = :session_id AND file_id = ANY(:ids)
    """
)


def settle_training(
    db: Session,
    session_id: int,
    outcomes: Sequence[TrainingOutcome],
    *,
    pack: str,
    turn: Turn,
    attempt: int | None = None,
    workers: int = 0,
    waited_s: Callable[[], float] = no_wait,
) -> Settled:
    """Commit the outcomes of a batch, and return the counts of the phase.

    Only pending items move. A second run of a batch, deleted items, and a batch of an earlier
    attempt add nothing (an attempt of None is always current). Exactly one file of each group of
    duplicates is processed, whatever the order of the batches.

    The work of the items is added with their counts: their pixels and bytes, the number of busy
    `workers`, and the seconds that `waited_s` returns after everything else is written.
    """
    by_id = {outcome.file_id: outcome for outcome in outcomes}
    failures = {file_id: _to_reason(outcome) for file_id, outcome in by_id.items()}
    moved = claim_items(db, session_id, PhaseName.TRAINING, failures, attempt=attempt)
    read = [by_id[one.file_id] for one in moved if not one.has_failed]
    failed = [by_id[one.file_id] for one in moved if one.has_failed]
    _note_unreadable(db, failed)
    lost, skipped = _keep(db, session_id, read, pack=pack, turn=turn) if read else (0, 0)
    return add_counts(
        db,
        session_id,
        PhaseName.TRAINING,
        processed=len(read) - lost - skipped,
        skipped=skipped,
        failed=len(failed),
        work=_measure([*read, *failed], workers=workers, waited_s=waited_s()),
    )


def _measure(moved: Sequence[TrainingOutcome], *, workers: int, waited_s: float) -> Work:
    return Work(
        pixels=sum(outcome.pixels for outcome in moved),
        read_bytes=sum(outcome.read_bytes for outcome in moved),
        waited_s=waited_s,
        workers=workers,
    )


def _keep(
    db: Session, session_id: int, read: Sequence[TrainingOutcome], *, pack: str, turn: Turn
) -> tuple[int, int]:
    """Store the photos; return how many items must be read again, and how many were skipped."""
    lock_library(db)
    placed = place_contents(db, session_id, read, turn=turn)
    key: dict[str, Any] = {"session_id": session_id}
    if placed.lost:
        db.execute(_GIVE_BACK, key | {"ids": placed.lost})
    same = db.execute(_SKIP_SAME, key | {"ids": placed.same, "pack": pack}).all()
    skipped = decide_duplicates(db, session_id, placed.phashes, contents=placed.contents, pack=pack)
    return len(placed.lost), len(same) + skipped


def _to_reason(outcome: TrainingOutcome) -> str | None:
    if outcome.record is not None or outcome.known is not None:
        return None
    return storable_text(outcome.failure) or NO_REASON


def _note_unreadable(db: Session, failed: Sequence[TrainingOutcome]) -> None:
    lasting = [outcome for outcome in failed if outcome.is_lasting]
    if not lasting:
        return
    lock_library(db)
    key = {
        "ids": [outcome.file_id for outcome in lasting],
        "reasons": [_to_reason(outcome) for outcome in lasting],
    }
    db.execute(_NOTE_UNREADABLE, key)

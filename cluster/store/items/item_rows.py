"""Items: what is pending, what was skipped from the start, what failed and why.

The whole life of an item can be imported from here: found, settled in training, settled in face
detection.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from cluster.core.photos import Item, Settled
from cluster.core.progress import PhaseCounts
from cluster.core.sessions import PhaseName
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.training_batches import settle_training
from cluster.store.sessions.counts import add_counts
from cluster.store.sessions.invariants import check_session

__all__ = [
    "Failure",
    "add_found",
    "check_session",
    "count_duplicates",
    "count_failures",
    "count_items_by_state",
    "list_failures",
    "list_pending",
    "settle_detection",
    "settle_training",
    "skip_known",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that failed in one phase, with a reason that a person understands."""

    file_id: int
    path: str
    phase: PhaseName
    reason: str


def _for_each_photo_phase(statement: str) -> dict[PhaseName, TextClause]:
    prefixes = {PhaseName.TRAINING: "training", PhaseName.FACE_DETECTION: "detection"}
    return {phase: text(statement.replace("PHASE", name)) for phase, name in prefixes.items()}


_PENDING = _for_each_photo_phase(
    """
    SELECT s.file_id, f.path, s.position, f.image_id, f.sha256
    FROM session_item s JOIN file f ON f.id = s.file_id
    WHERE s.session_id = :session_id AND s.PHASE_state = 'pending' AND s.position > :after
    ORDER BY s.position LIMIT :limit
    """
)

_COUNTS = _for_each_photo_phase(
    """
    SELECT count(*) AS total,
        count(*) FILTER (WHERE PHASE_state = 'processed') AS processed,
        count(*) FILTER (WHERE PHASE_state = 'skipped') AS skipped,
        count(*) FILTER (WHERE PHASE_state = 'failed') AS failed
    FROM session_item WHERE session_id = :session_id
    """
)

_SKIP_KNOWN = text(
    """
    UPDATE session_item SET detection_state = 'skipped',
        detection_skip = coalesce(training_skip, 'unreadable'),
        detection_reason = CASE training_state WHEN 'failed' THEN 'unreadable'
            ELSE training_reason END
    WHERE session_id = :session_id AND detection_state = 'pending'
        AND training_state IN ('skipped', 'failed')
        AND training_skip IS DISTINCT FROM 'unchanged'
    RETURNING file_id
    """
)

_FAILURES = """
    FROM (
        SELECT file_id, 'training' AS phase, training_reason AS reason FROM session_item
        WHERE session_id = :session_id AND training_state = 'failed'
        UNION ALL
        SELECT file_id, 'face_detection', detection_reason FROM session_item
        WHERE session_id = :session_id AND detection_state = 'failed'
    ) i
    JOIN file f ON f.id = i.file_id
    WHERE i.file_id > :after AND (CAST(:phase AS text) IS NULL OR i.phase = :phase)
    """
_LIST_FAILURES = text(
    f"SELECT i.file_id, f.path, i.phase, i.reason {_FAILURES} ORDER BY i.file_id LIMIT :limit"
)
_COUNT_FAILURES = text(f"SELECT count(*) {_FAILURES}")

_COUNT_DUPLICATES = text(
    """
    SELECT count(*) FROM session_item
    WHERE session_id = :session_id AND training_skip = 'duplicate'
    """
)


def list_pending(
    db: Session, session_id: int, phase: PhaseName, *, after: int = 0, limit: int
) -> list[Item]:
    """Return at most `limit` pending items in the order they were found, past position `after`."""
    key = {"session_id": session_id, "after": after, "limit": limit}
    return [Item(*row) for row in db.execute(_PENDING[phase], key)]


def skip_known(db: Session, session_id: int) -> Settled:
    """Skip in face detection what training says needs none: duplicates and unreadable photos.

    An unchanged photo whose faces are to be looked for again is pending, and stays so. Returns the
    counts of face detection; run again, it adds nothing.
    """
    skipped = db.execute(_SKIP_KNOWN, {"session_id": session_id}).all()
    return add_counts(db, session_id, PhaseName.FACE_DETECTION, skipped=len(skipped))


def count_items_by_state(db: Session, session_id: int, phase: PhaseName) -> PhaseCounts:
    """Return what the items themselves say, which the phase row must equal."""
    row = db.execute(_COUNTS[phase], {"session_id": session_id}).one()
    return PhaseCounts(*row)


def list_failures(
    db: Session, session_id: int, *, phase: PhaseName | None = None, limit: int, after: int = 0
) -> list[Failure]:
    """Return failed files by id, past `after`; of one phase when `phase` is given."""
    key = {"session_id": session_id, "phase": phase, "limit": limit, "after": after}
    return [
        Failure(row.file_id, row.path, PhaseName(row.phase), row.reason)
        for row in db.execute(_LIST_FAILURES, key)
    ]


def count_failures(db: Session, session_id: int, *, phase: PhaseName | None = None) -> int:
    """Return how many photos failed, in both photo phases or in one."""
    key = {"session_id": session_id, "phase": phase, "after": 0}
    return int(db.execute(_COUNT_FAILURES, key).scalar_one())


def count_duplicates(db: Session, session_id: int) -> int:
    """Return how many photos were skipped as duplicates, found by this session."""
    return int(db.execute(_COUNT_DUPLICATES, {"session_id": session_id}).scalar_one())

"""Items: what is pending, what was skipped from the start, what failed and why."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.photos import Item, Settled
from cluster.core.sessions import PhaseName
from cluster.store.database.columns import ITEM_PREFIXES, for_each_photo_phase
from cluster.store.sessions.counts import add_counts


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that failed in one phase, with a reason that a person understands."""

    file_id: int
    path: str
    phase: PhaseName
    reason: str


_PENDING = for_each_photo_phase(
    """
    SELECT s.file_id, f.path, s.position, f.image_id, f.sha256
    FROM session_item s JOIN file f ON f.id = s.file_id
    WHERE s.session_id = :session_id AND s.PHASE_state = 'pending' AND s.position > :after
    ORDER BY s.position LIMIT :limit
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

_FAILED = " UNION ALL ".join(
    f"SELECT file_id, '{phase.value}' AS phase, {start}_reason AS reason FROM session_item"
    f" WHERE session_id = :session_id AND {start}_state = 'failed'"
    for phase, start in ITEM_PREFIXES.items()
)
_FAILURES = f"""
    FROM ({_FAILED}) i
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

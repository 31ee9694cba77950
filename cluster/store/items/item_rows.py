"""Queries of items: the pending ones, those that detection skips, failures and duplicates."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.failure_reasons import LEFT_OUT, ReasonCount, group_reasons
from cluster.core.pictures.photos import Item, Settled
from cluster.core.sessions import PhaseName, SkipReason
from cluster.store.database.columns import ITEM_PREFIXES, for_each_photo_phase
from cluster.store.sessions.counts import add_counts


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that failed in one phase; `reason` is a text for users."""

    file_id: int
    path: str
    phase: PhaseName
    reason: str


_PENDING = for_each_photo_phase(
    """
    SELECT s.file_id, f.path, s.position, f.image_id, f.sha256, i.duration_s
    FROM session_item s JOIN file f ON f.id = s.file_id LEFT JOIN image i ON i.id = f.image_id
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

# A path in a reason is replaced, so that reasons of different files can be equal.
_COUNT_REASONS = text(
    f"""
    SELECT i.phase, replace(left(i.reason, 2000), f.path, '{LEFT_OUT}') AS reason,
        count(*) AS count
    FROM ({_FAILED}) i JOIN file f ON f.id = i.file_id
    GROUP BY 1, 2
    """
)


_COUNT_SKIPPED = text(
    """
    SELECT count(*) FROM session_item
    WHERE session_id = :session_id AND training_skip = :reason
    """
)


def list_pending(
    db: Session, session_id: int, phase: PhaseName, *, after: int = 0, limit: int
) -> list[Item]:
    """Return at most `limit` pending items by position, from the first above `after`."""
    key = {"session_id": session_id, "after": after, "limit": limit}
    return [Item(*row) for row in db.execute(_PENDING[phase], key)]


def skip_known(db: Session, session_id: int) -> Settled:
    """Skip duplicates and unreadable photos in face detection; return its counts.

    An unchanged photo that must be searched again stays pending. A second call adds nothing.
    """
    skipped = db.execute(_SKIP_KNOWN, {"session_id": session_id}).all()
    return add_counts(db, session_id, PhaseName.FACE_DETECTION, skipped=len(skipped))


def list_failures(
    db: Session, session_id: int, *, phase: PhaseName | None = None, limit: int, after: int = 0
) -> list[Failure]:
    """Return at most `limit` failed files with ids above `after`, by id, in one or both phases."""
    key = {"session_id": session_id, "phase": phase, "limit": limit, "after": after}
    return [
        Failure(row.file_id, row.path, PhaseName(row.phase), row.reason)
        for row in db.execute(_LIST_FAILURES, key)
    ]


def count_failures(db: Session, session_id: int, *, phase: PhaseName | None = None) -> int:
    """Return how many photos failed, in both photo phases or in one."""
    key = {"session_id": session_id, "phase": phase, "after": 0}
    return int(db.execute(_COUNT_FAILURES, key).scalar_one())


def count_reasons(db: Session, session_id: int) -> tuple[ReasonCount, ...]:
    """Return a session's most frequent reasons of failures, with "…" in place of variable parts."""
    rows = db.execute(_COUNT_REASONS, {"session_id": session_id})
    return group_reasons(ReasonCount(PhaseName(row[0]), row[1], row[2]) for row in rows)


def count_duplicates(db: Session, session_id: int) -> int:
    """Return how many files of this session were skipped as duplicates."""
    return count_skipped(db, session_id, SkipReason.DUPLICATE)


def count_skipped(db: Session, session_id: int, reason: SkipReason) -> int:
    """Return how many files of this session were skipped in training for this reason."""
    key = {"session_id": session_id, "reason": reason.value}
    return int(db.execute(_COUNT_SKIPPED, key).scalar_one())

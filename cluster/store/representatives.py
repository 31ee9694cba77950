"""Which photo of a group of duplicates is processed, decided where all batches meet.

Candidates share the 64-bit pHash and are items of the session, or already have faces of its pack.
The decision is made anew for the whole group whenever a photo joins it, so it does not depend on
the order of the batches; an advisory lock per session makes batches decide one after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.duplicates import Fingerprint, find_representatives
from cluster.core.sessions import ItemState

DECISION_LOCK = 0x48434400 << 32
DUPLICATE_OF = "duplicate of "

# OFFSET 0 keeps each photo's rows looked up by their keys: joined freely, the planner reads the
# whole session when it has no statistics yet.
_CANDIDATES = text(
    """
    SELECT i.id, i.path, i.modified_ns, i.width, i.height, i.sha256, i.phash, i.dhash,
        i.duplicate_of, s.training_state AS state, d.image_id IS NOT NULL AS is_settled,
        d.image_id IS NULL AND s.detection_state = 'pending'
            AND (s.training_state = 'processed' OR s.training_reason LIKE 'duplicate of %')
            AS is_open
    FROM image i
    LEFT JOIN LATERAL (
        SELECT * FROM session_item WHERE session_id = :session_id AND image_id = i.id OFFSET 0
    ) s ON true
    LEFT JOIN LATERAL (
        SELECT * FROM detection WHERE pack = :pack AND image_id = i.id OFFSET 0
    ) d ON true
    WHERE i.phash = ANY(:phashes)
        AND (s.training_state IN ('processed', 'skipped') OR d.image_id IS NOT NULL)
    """
)

_MOVE_ITEMS = text(
    """
    WITH decided AS (
        SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:representatives AS bigint[]))
            AS d (image_id, representative)
    ), marked AS (
        UPDATE image SET duplicate_of = NULLIF(representative, image_id)
        FROM decided WHERE image.id = image_id
    )
    UPDATE session_item s SET
        training_state = CASE WHEN d.representative = d.image_id THEN 'processed'
            ELSE 'skipped' END,
        training_reason = CASE WHEN d.representative <> d.image_id
            THEN 'duplicate of ' || r.path END
    FROM decided d JOIN image r ON r.id = d.representative
    WHERE s.session_id = :session_id AND s.image_id = d.image_id
    """
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    fingerprint: Fingerprint
    representative: int
    is_processed: bool
    is_open: bool


def decide_duplicates(db: Session, session_id: int, phashes: Sequence[int], *, pack: str) -> int:
    """Decide the groups with these pHashes (signed); return how many photos became skipped.

    The number is net: a photo that turns out to be the representative of an earlier one takes
    its place. Until the transaction ends no other batch of the session decides.
    """
    lock = {"key": DECISION_LOCK | session_id}
    db.execute(text("SELECT pg_advisory_xact_lock(:key)"), lock)
    rows = db.execute(
        _CANDIDATES, {"session_id": session_id, "pack": pack, "phashes": list(phashes)}
    )
    moves = [move for group in _group(rows) for move in _decide(group)]
    if moves:
        key = {
            "session_id": session_id,
            "ids": [candidate.fingerprint.image_id for candidate, _ in moves],
            "representatives": [representative for _, representative in moves],
        }
        db.execute(_MOVE_ITEMS, key)
    return sum(_became_skipped(*move) for move in moves)


def _group(rows: Iterable[Row[tuple[object, ...]]]) -> Iterable[list[_Candidate]]:
    groups: dict[int, list[_Candidate]] = defaultdict(list)
    for row in rows:
        groups[row.phash].append(_to_candidate(row))
    return [group for group in groups.values() if len(group) > 1]


def _to_candidate(row: Row[tuple[object, ...]]) -> _Candidate:
    fingerprint = Fingerprint(
        image_id=row.id,
        path=row.path,
        modified_ns=row.modified_ns,
        width=row.width,
        height=row.height,
        sha256=bytes(row.sha256),
        phash=row.phash,
        dhash=int.from_bytes(row.dhash, "big"),
        is_settled=row.is_settled,
    )
    is_processed = row.state == ItemState.PROCESSED
    return _Candidate(fingerprint, row.duplicate_of or row.id, is_processed, bool(row.is_open))


def _decide(group: list[_Candidate]) -> Iterator[tuple[_Candidate, int]]:
    """Yield the photos whose representative is another than before, each with the new one."""
    representatives = find_representatives(candidate.fingerprint for candidate in group)
    for candidate in group:
        representative = representatives[candidate.fingerprint.image_id]
        if candidate.is_open and representative != candidate.representative:
            yield candidate, representative


def _became_skipped(candidate: _Candidate, representative: int) -> int:
    """Return 1 when the photo was processed and is skipped now, -1 for the other way round."""
    is_processed = representative == candidate.fingerprint.image_id
    return int(candidate.is_processed) - int(is_processed)

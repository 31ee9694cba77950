"""What discovery found becomes images, and items of a session."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.photos import FoundPhoto, Settled
from cluster.core.sessions import PhaseName
from cluster.store.copying import Staging
from cluster.store.counts import add_counts
from cluster.store.people_claims import lock_people

LIBRARY_LOCK = 0x48434C42
"""Taken by all discoveries of one library, so that two of them never wait for each other."""

_FOUND = Staging(
    "found",
    (
        ("n", "int8"),
        ("path", "text"),
        ("path_sha256", "bytea"),
        ("size", "int8"),
        ("modified_ns", "int8"),
    ),
)

_ADD_IMAGES = text(
    """
    INSERT INTO image (path, path_sha256, size, modified_ns)
    SELECT path, path_sha256, size, modified_ns FROM found
    WHERE NOT EXISTS (SELECT FROM image i WHERE i.path_sha256 = found.path_sha256)
    ORDER BY n
    ON CONFLICT DO NOTHING
    """
)

# What this session has already counted stays as it was counted, even if the file changed since.
_FIND_CHANGED = text(
    """
    SELECT i.id FROM found f JOIN image i USING (path_sha256)
    WHERE (i.size, i.modified_ns) <> (f.size, f.modified_ns)
        AND NOT EXISTS (
            SELECT FROM session_item s WHERE s.session_id = :session_id AND s.image_id = i.id
                AND s.training_state <> 'pending'
        )
    """
)

_FORGET = text(
    """
    WITH faces AS (DELETE FROM face WHERE image_id = ANY(:ids)),
        detections AS (DELETE FROM detection WHERE image_id = ANY(:ids)),
        erased AS (DELETE FROM erased_face WHERE image_id = ANY(:ids))
    UPDATE image SET size = f.size, modified_ns = f.modified_ns,
        sha256 = NULL, width = NULL, height = NULL, taken_at = NULL, phash = NULL, dhash = NULL,
        thumbnail = NULL, unreadable = NULL, duplicate_of = NULL
    FROM found f WHERE f.path_sha256 = image.path_sha256 AND image.id = ANY(:ids)
    """
)

_RELEASE = text("UPDATE image SET duplicate_of = NULL WHERE duplicate_of = ANY(:ids) RETURNING id")

_REVIVE = text(
    """
    WITH skipped AS (
        SELECT s.image_id, s.training_reason LIKE 'unchanged%' AS was_unchanged FROM session_item s
        WHERE s.session_id = :session_id AND s.image_id = ANY(:ids)
            AND s.training_state = 'skipped' AND NOT EXISTS (
                SELECT FROM detection d WHERE d.image_id = s.image_id AND d.pack = :pack
            )
    )
    UPDATE session_item s SET training_state = 'pending', training_reason = NULL,
        detection_state = 'pending', detection_reason = NULL, position = DEFAULT
    FROM skipped WHERE s.session_id = :session_id AND s.image_id = skipped.image_id
    RETURNING skipped.was_unchanged
    """
)

_ADD_ITEMS = text(
    """
    INSERT INTO session_item (session_id, image_id, training_state, training_reason,
        detection_state, detection_reason)
    SELECT :session_id, id, state, reason, state, reason
    FROM (
        SELECT f.n, i.id, k.reason,
            CASE WHEN k.reason IS NULL THEN 'pending' ELSE 'skipped' END AS state
        FROM found f JOIN image i USING (path_sha256)
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN i.unreadable IS NOT NULL THEN 'unchanged, unreadable: ' || i.unreadable
                WHEN EXISTS (
                    SELECT FROM detection d
                    WHERE d.image_id IN (i.id, i.duplicate_of) AND d.pack = :pack
                ) THEN 'unchanged'
            END AS reason
            OFFSET 0
        ) k
    ) known
    ORDER BY n
    ON CONFLICT DO NOTHING
    RETURNING training_state
    """
)


def add_found(
    db: Session, session_id: int, found: Sequence[FoundPhoto], *, pack: str
) -> tuple[Settled, Settled]:
    """Make items of these photos and return the counts of training and face detection.

    A photo that is already an item of the session adds nothing. One that an earlier session
    finished with this pack, and that has the same size and time since, is skipped in both phases.
    One that changed loses everything that was known of it, faces included.
    """
    rows = {photo.path: photo for photo in found}.values()
    _FOUND.fill(db, ((n, *_to_row(photo)) for n, photo in enumerate(rows)))
    db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LIBRARY_LOCK})
    key = {"session_id": session_id, "pack": pack}
    db.execute(_ADD_IMAGES)
    revived = _forget_changed(db, session_id, pack=pack)
    states = db.execute(_ADD_ITEMS, key).scalars().all()
    unchanged = sum(state == "skipped" for state in states)
    training = add_counts(
        db,
        session_id,
        PhaseName.TRAINING,
        total=len(states),
        skipped=unchanged - len(revived),
        unchanged=unchanged - sum(revived),
    )
    detection = add_counts(
        db,
        session_id,
        PhaseName.FACE_DETECTION,
        total=len(states),
        skipped=unchanged - sum(revived),
        unchanged=unchanged - sum(revived),
    )
    return training, detection


def _to_row(photo: FoundPhoto) -> tuple[str, bytes, int, int]:
    digest = hashlib.sha256(photo.path.encode()).digest()
    return photo.path, digest, photo.size or 0, photo.modified_ns or 0


def _forget_changed(db: Session, session_id: int, *, pack: str) -> list[bool]:
    """Forget what was known of changed photos, and let their duplicates be done for themselves.

    Returns one entry for each item of this session that is pending again, because it was skipped
    for the sake of a photo that is no longer the same: whether it had been skipped as unchanged.
    """
    changed = db.execute(_FIND_CHANGED, {"session_id": session_id}).scalars().all()
    if not changed:
        return []
    lock_people(db)
    db.execute(_FORGET, {"ids": changed})
    released = db.execute(_RELEASE, {"ids": changed}).scalars().all()
    key = {"session_id": session_id, "pack": pack, "ids": released}
    return list(db.execute(_REVIVE, key).scalars()) if released else []

"""Turns the files that discovery found into rows of files and items of a session.

A file is unchanged if its ETag is equal, or if its size and time are known and equal. An unknown
value never counts as equal. Any other file is read again; its photo stays until the content has
been read (photos/file_contents.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.files.paths import hash_path
from cluster.core.pictures.photos import FoundPhoto, Settled
from cluster.core.sessions import PHOTO_PHASES, SkipReason
from cluster.store.database.copying import Staging
from cluster.store.locks import lock_library
from cluster.store.sessions.counts import add_counts

_FOUND = Staging(
    "found",
    (
        ("n", "int8"),
        ("path", "text"),
        ("path_sha256", "bytea"),
        ("size", "int8"),
        ("modified_ns", "int8"),
        ("etag", "text"),
    ),
)

_ADD_FILES = text(
    """
    INSERT INTO file (path, path_sha256, size, modified_ns, etag)
    SELECT path, path_sha256, size, modified_ns, etag FROM found
    WHERE NOT EXISTS (
        SELECT FROM file f WHERE f.path_sha256 = found.path_sha256 AND NOT f.superseded
    )
    ORDER BY n
    """
)

IS_UNCHANGED = """
    k.is_read
        AND coalesce(k.etag = f.etag, k.size = f.size AND k.modified_ns = f.modified_ns, false)
    """

# An item that this session has already counted stays counted, even if the file has changed since.
_NOTE_CHANGED = text(
    f"""
    UPDATE file k SET size = f.size, modified_ns = f.modified_ns, etag = f.etag, is_read = false
    FROM found f WHERE k.path_sha256 = f.path_sha256 AND NOT k.superseded
        AND NOT ({IS_UNCHANGED}) AND NOT EXISTS (
            SELECT FROM session_item s WHERE s.session_id = :session_id AND s.file_id = k.id
                AND s.training_state <> 'pending'
        )
    """
)

# A missing file that is back with equal size and time is no longer missing, nor is its photo.
_RETURN_FILES = text(
    """
    UPDATE file k SET missing_since = NULL FROM found f
    WHERE k.path_sha256 = f.path_sha256 AND NOT k.superseded AND k.is_read
        AND k.missing_since IS NOT NULL
    RETURNING k.image_id
    """
)
_RETURN_IMAGES = text(
    "UPDATE image SET missing_since = NULL WHERE id = ANY(:ids) AND missing_since IS NOT NULL"
)

_ADD_ITEMS = text(
    f"""
    INSERT INTO session_item (session_id, file_id, training_state, training_skip, training_reason,
        detection_state, detection_skip, detection_reason)
    SELECT :session_id, id, state, skip, reason, state, skip, reason
    FROM (
        SELECT f.n, k.id, why.skip,
            CASE WHEN why.skip IS NULL THEN 'pending' ELSE 'skipped' END AS state,
            CASE why.skip WHEN 'unchanged' THEN '{SkipReason.UNCHANGED.words}'
                WHEN 'unreadable' THEN '{SkipReason.UNREADABLE.words}' || k.unreadable
            END AS reason
        FROM found f JOIN file k ON k.path_sha256 = f.path_sha256 AND NOT k.superseded
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN NOT k.is_read THEN NULL
                WHEN k.unreadable IS NOT NULL THEN 'unreadable'
                WHEN EXISTS (
                    SELECT FROM image i JOIN detection d ON d.image_id IN (i.id, i.duplicate_of)
                    WHERE i.id = k.image_id AND d.pack = :pack
                ) THEN 'unchanged'
            END AS skip
            OFFSET 0
        ) why
        WHERE NOT EXISTS (
            SELECT FROM file o JOIN session_item s ON s.file_id = o.id
            WHERE o.path_sha256 = f.path_sha256 AND o.superseded AND s.session_id = :session_id
        )
    ) met
    ORDER BY n
    ON CONFLICT DO NOTHING
    RETURNING training_state
    """
)


def add_found(
    db: Session, session_id: int, found: Sequence[FoundPhoto], *, pack: str
) -> tuple[Settled, ...]:
    """Create items for these files and return the counts of the phases of PHOTO_PHASES.

    A file that is already an item of the session adds nothing. An unchanged file that an earlier
    session finished with this pack is skipped in both phases. Photos are not changed.
    """
    fill_found(db, {photo.path: photo for photo in found}.values())
    lock_library(db)
    key = {"session_id": session_id, "pack": pack}
    db.execute(_ADD_FILES)
    db.execute(_NOTE_CHANGED, key)
    returned = db.execute(_RETURN_FILES).scalars().all()
    if returned:
        db.execute(_RETURN_IMAGES, {"ids": [one for one in returned if one is not None]})
    states = db.execute(_ADD_ITEMS, key).scalars().all()
    unchanged = sum(state == "skipped" for state in states)
    return tuple(
        add_counts(db, session_id, phase, total=len(states), skipped=unchanged, unchanged=unchanged)
        for phase in PHOTO_PHASES
    )


def fill_found(db: Session, found: Iterable[FoundPhoto]) -> None:
    """Fill the temporary table `found` with these files, whose paths must differ."""
    _FOUND.fill(db, ((n, *_to_row(photo)) for n, photo in enumerate(found)))


def _to_row(photo: FoundPhoto) -> tuple[Any, ...]:
    digest = hash_path(photo.path)
    return photo.path, digest, photo.size, photo.modified_ns, photo.etag

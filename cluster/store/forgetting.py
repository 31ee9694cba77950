"""Confirms that photos are gone, and forgets missing photos, at the request of a user.

Forgetting a photo deletes its row, thumbnail and faces, and people that are in no other photo. The
rows of its files stay, without a photo, for the sessions that found them. A missing photo that
represents a photo of another library stays until that photo is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.store.erasing import Erased, count_rows, delete_people
from cluster.store.locks import lock_library, lock_people
from cluster.store.photos.heirs import promote_heirs
from cluster.store.photos.missing import mark_files_missing
from cluster.store.sessions.attempts import hold_attempts_closed
from cluster.store.sessions.library_rows import get_library, path_prefix
from cluster.store.sessions.session_locks import list_locked_sessions

# After a confirmation, the library and its sessions have no unconfirmed loss any more.
_CONFIRM = (
    text("UPDATE library SET known = NULL, gone = NULL WHERE id = :id"),
    text(
        """
        UPDATE training_session SET census = census || '{"known": null, "gone": null}'
        WHERE library_id = :id AND census->>'gone' IS NOT NULL
        """
    ),
)

_BEGIN = text("DROP TABLE IF EXISTS forgotten, left_person")
_FIND_FORGOTTEN = text(
    """
    CREATE TEMP TABLE forgotten ON COMMIT DROP AS
    WITH lost AS (
        SELECT i.id FROM image i WHERE i.missing_since IS NOT NULL AND EXISTS (
            SELECT FROM file f WHERE f.image_id = i.id AND starts_with(f.path, :prefix)
        )
    )
    SELECT id FROM lost WHERE NOT EXISTS (
        SELECT FROM image d WHERE d.duplicate_of = lost.id AND d.id NOT IN (SELECT id FROM lost)
    )
    """
)
_FIND_LEFT = text(
    """
    CREATE TEMP TABLE left_person ON COMMIT DROP AS
    SELECT DISTINCT person_id AS id FROM face
    WHERE image_id IN (SELECT id FROM forgotten) AND person_id IS NOT NULL
    """
)
_COUNT_FACES = text("SELECT count(*) FROM face WHERE image_id IN (SELECT id FROM forgotten)")
_EMPTY_FILES = text(
    """
    UPDATE file SET image_id = NULL, sha256 = NULL, is_read = false
    WHERE image_id IN (SELECT id FROM forgotten)
    """
)
_DELETE_PHOTOS = text("DELETE FROM image WHERE id IN (SELECT id FROM forgotten)")
_LIST_FACELESS = text(
    """
    SELECT id FROM left_person
    WHERE NOT EXISTS (SELECT FROM face WHERE face.person_id = left_person.id)
    """
)


def confirm_missing(db: Session, library_id: int, *, gone: Sequence[int], now: datetime) -> int:
    """Mark the files `gone` as missing; return how many photos became missing.

    An existing duplicate replaces a missing photo as the representative. Raises NotFound.
    """
    lock_library(db)
    lock_people(db)
    get_library(db, library_id)
    missing = mark_files_missing(db, gone, now=now)
    promote_heirs(db)
    for statement in _CONFIRM:
        db.execute(statement, {"id": library_id})
    return missing


def forget_missing(db: Session, library_id: int) -> Erased:
    """Forget the missing photos of a library; return the erased numbers. Raises NotFound."""
    for session_id in list_locked_sessions(db):
        hold_attempts_closed(db, session_id)
    lock_library(db)
    lock_people(db)
    prefix = path_prefix(get_library(db, library_id).root)
    db.execute(_BEGIN)
    db.execute(_FIND_FORGOTTEN, {"prefix": prefix})
    db.execute(_FIND_LEFT)
    faces = int(db.execute(_COUNT_FACES).scalar_one())
    db.execute(_EMPTY_FILES)
    photos = count_rows(db, _DELETE_PHOTOS)
    people = delete_people(db, list(db.execute(_LIST_FACELESS).scalars()))
    return Erased(photos, faces, people)

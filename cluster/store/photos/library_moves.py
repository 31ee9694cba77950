"""Moves a library to a new root by changing only the paths in the database.

If a path below the new root is already known, one of the two rows is superseded: that of the old
root, or the other one if its file is missing. A superseded row stays for the sessions that found
it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote_from_bytes

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound, SessionBusy, SessionRunning
from cluster.core.files.paths import is_url
from cluster.core.sessions import SessionStatus
from cluster.store.locks import lock_library
from cluster.store.photos.heirs import promote_heirs
from cluster.store.photos.missing import refresh_missing
from cluster.store.sessions.library_rows import find_library_id, hash_root, path_prefix
from cluster.store.sessions.session_locks import list_locked_sessions

_LIST_SESSIONS = text(
    """
    SELECT id, status FROM (
        SELECT id, status, root || CASE WHEN right(root, 1) = '/' THEN '' ELSE '/' END AS prefix
        FROM training_session
    ) t
    WHERE starts_with(prefix, :old) OR starts_with(:old, prefix)
        OR starts_with(prefix, :new) OR starts_with(:new, prefix)
    ORDER BY id
    """
)

_DROP = text("DROP TABLE IF EXISTS moving")
_FIND_MOVING = text(
    """
    CREATE TEMP TABLE moving ON COMMIT DROP AS
    SELECT f.id, m.path, sha256(convert_to(m.path, 'UTF8')) AS path_sha256,
        o.id AS other_id, o.missing_since IS NOT NULL AS is_other_missing
    FROM file f
    CROSS JOIN LATERAL (SELECT :new || substr(f.path, length(:old) + 1) AS path) m
    LEFT JOIN file o ON o.path_sha256 = sha256(convert_to(m.path, 'UTF8')) AND NOT o.superseded
        AND NOT f.superseded
    WHERE starts_with(f.path, :old)
    """
)
_SUPERSEDE = text(
    """
    UPDATE file SET superseded = true, missing_since = coalesce(missing_since, :now)
    WHERE id IN (
        SELECT CASE WHEN is_other_missing THEN other_id ELSE id END FROM moving
        WHERE other_id IS NOT NULL
    )
    RETURNING image_id
    """
)
_MOVE = text(
    """
    UPDATE file SET path = m.path, path_sha256 = m.path_sha256 FROM moving m WHERE m.id = file.id
    """
)

_LIST_ROOTS = text(
    """
    SELECT id, root FROM library
    WHERE root = :root OR starts_with(root, :prefix) ORDER BY id FOR UPDATE
    """
)
_MOVE_ROOT = text(
    """
    UPDATE library SET root = :root, root_sha256 = :digest, known = NULL, gone = NULL
    WHERE id = :id
    """
)
_JOIN_LIBRARY = text("UPDATE training_session SET library_id = :other WHERE library_id = :id")
_DELETE_LIBRARY = text("DELETE FROM library WHERE id = :id")
_MOVED = """
    CASE WHEN {0} = :old THEN :new WHEN starts_with({0}, :old_prefix)
        THEN :new_prefix || substr({0}, length(:old_prefix) + 1) ELSE {0} END
    """
_MOVE_SESSIONS = text(
    f"""
    UPDATE training_session SET root = {_MOVED.format("root")},
        census = CASE WHEN jsonb_typeof(census->'unlisted') = 'array' THEN census
            || jsonb_build_object('unlisted', (
                SELECT coalesce(jsonb_agg({_MOVED.format("place")}), '[]')
                FROM jsonb_array_elements_text(census->'unlisted') AS u (place)
            )) ELSE census END
    WHERE root = :old OR starts_with(root, :old_prefix)
    """
)


@dataclass(frozen=True, slots=True)
class MovedLibrary:
    """The numbers of files with a new path, and of rows that were superseded."""

    files: int
    superseded: int


def move_library(db: Session, old: str, new: str, *, now: datetime) -> MovedLibrary:
    """Move the library over `old`, and roots below it, to `new`, without reading a file.

    Both roots are in normal form, and neither lies below the other. Raises NotFound if there was no
    session over `old`, SessionRunning or SessionBusy while a session of one of the roots runs.
    """
    lock_library(db)
    if find_library_id(db, old) is None:
        raise NotFound("library over", old)
    _check_at_rest(db, path_prefix(old), path_prefix(new))
    moved = superseded = 0
    for old_prefix, new_prefix in _pair_prefixes(old, new):
        db.execute(_DROP)
        db.execute(_FIND_MOVING, {"old": old_prefix, "new": new_prefix})
        images = db.execute(_SUPERSEDE, {"now": now}).scalars().all()
        moved += len(db.execute(text("SELECT id FROM moving")).all())
        superseded += len(images)
        db.execute(_MOVE)
        refresh_missing(db, sorted({one for one in images if one is not None}))
    promote_heirs(db)
    _move_roots(db, old, new)
    return MovedLibrary(moved, superseded)


def _pair_prefixes(old: str, new: str) -> list[tuple[str, str]]:
    """Return the old and new prefixes of paths: plain ones, and percent-encoded ones."""
    plain = (path_prefix(old), path_prefix(new))
    if is_url(old) or is_url(new):
        return [plain]
    encoded = [f"file://{quote_from_bytes(os.fsencode(prefix))}" for prefix in plain]
    return [plain, (encoded[0], encoded[1])]


def _check_at_rest(db: Session, old_prefix: str, new_prefix: str) -> None:
    held = set(list_locked_sessions(db))
    for row in db.execute(_LIST_SESSIONS, {"old": old_prefix, "new": new_prefix}):
        if row.status == SessionStatus.RUNNING:
            raise SessionRunning(row.id)
        if row.id in held:
            raise SessionBusy(row.id)


def _move_roots(db: Session, old: str, new: str) -> None:
    old_prefix, new_prefix = path_prefix(old), path_prefix(new)
    for row in db.execute(_LIST_ROOTS, {"root": old, "prefix": old_prefix}).all():
        root = new if row.root == old else new_prefix + row.root[len(old_prefix) :]
        other = find_library_id(db, root)
        if other is None:
            db.execute(_MOVE_ROOT, {"id": row.id, "root": root, "digest": hash_root(root)})
        else:
            db.execute(_JOIN_LIBRARY, {"id": row.id, "other": other})
            db.execute(_DELETE_LIBRARY, {"id": row.id})
    key = {"old": old, "new": new, "old_prefix": old_prefix, "new_prefix": new_prefix}
    db.execute(_MOVE_SESSIONS, key)

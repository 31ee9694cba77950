"""Decides, at the end of training, which known files were found, have moved, or are gone.

A known file below the root that the session has not found is gone. If its photo was found in
another file, the photo has moved. A photo without any file is missing. If most of the known files
are gone at once, a disk is probably not mounted, so no photo is marked missing until a user
confirms it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.sessions import SkipReason
from cluster.store.locks import lock_library
from cluster.store.photos.heirs import promote_heirs
from cluster.store.photos.missing import mark_files_missing
from cluster.store.sessions.library_rows import path_prefix

_NOTE = text(
    """
    UPDATE training_session SET census = census || CAST(:census AS jsonb) WHERE id = :session_id
    """
)

# Doubtful files are other files of photos that the session has found, and files that it could not
# read.
_DOUBTFUL = text(
    """
    SELECT o.id, o.path FROM session_item s
    JOIN file f ON f.id = s.file_id JOIN image i ON i.id = f.image_id
    JOIN image p ON coalesce(p.duplicate_of, p.id) = coalesce(i.duplicate_of, i.id)
    JOIN file o ON o.image_id = p.id
    WHERE s.session_id = :session_id AND s.training_skip IN ('duplicate', 'companion')
        AND NOT o.superseded AND o.missing_since IS NULL AND NOT EXISTS (
            SELECT FROM session_item t WHERE t.session_id = :session_id AND t.file_id = o.id
        )
    UNION
    SELECT f.id, f.path FROM session_item s JOIN file f ON f.id = s.file_id
    WHERE s.session_id = :session_id AND s.training_state = 'failed' AND f.image_id IS NOT NULL
        AND NOT f.superseded AND f.missing_since IS NULL
    """
)

_DROP = text("DROP TABLE IF EXISTS unmet")
_FIND_UNMET = text(
    """
    CREATE TEMP TABLE unmet ON COMMIT DROP AS
    SELECT f.id, f.image_id, f.path FROM file f
    WHERE NOT f.superseded AND f.missing_since IS NULL AND starts_with(f.path, :prefix)
        AND NOT EXISTS (
            SELECT FROM session_item s WHERE s.session_id = :session_id AND s.file_id = f.id
        ) AND (:takes_films OR NOT EXISTS (
            SELECT FROM image i WHERE i.id = f.image_id AND i.duration_s IS NOT NULL
        )) AND NOT EXISTS (
            SELECT FROM unnest(CAST(:unlisted AS text[])) AS u (place)
            WHERE f.path = rtrim(u.place, '/') OR starts_with(f.path, u.place)
        )
    UNION
    SELECT f.id, f.image_id, f.path FROM file f WHERE f.id = ANY(:gone)
    """
)

# A file is gone if neither its photo nor a duplicate of it has an existing file.
_LIST_GONE = text(
    """
    SELECT u.id FROM unmet u LEFT JOIN image i ON i.id = u.image_id
    WHERE starts_with(u.path, :prefix) AND NOT EXISTS (
        SELECT FROM image p JOIN file o ON o.image_id = p.id
        WHERE coalesce(p.duplicate_of, p.id) = coalesce(i.duplicate_of, i.id)
            AND o.missing_since IS NULL AND o.id NOT IN (SELECT id FROM unmet)
    )
    """
)
_COUNT_MET = text(
    """
    SELECT count(*) FROM session_item s WHERE s.session_id = :session_id
        AND s.file_id NOT IN (SELECT id FROM unmet)
        AND EXISTS (
            SELECT FROM session_item e WHERE e.file_id = s.file_id AND e.session_id <> s.session_id
        )
    """
)
_LIST_UNMET = text("SELECT id FROM unmet ORDER BY id")

# The known files are the unmet ones, and the found ones that are in another session.
_COUNT_LEFT = text("SELECT count(*) FROM unmet WHERE starts_with(path, :prefix)")

_SET_LIBRARY = text(
    """
    UPDATE library SET known = :known, gone = :gone
    WHERE id = (SELECT library_id FROM training_session WHERE id = :session_id)
    """
)

# A file that is gone is paired with a new file of the same photo, where it has moved.
_TELL_MOVED = text(
    f"""
    WITH went AS (
        SELECT f.path, coalesce(i.duplicate_of, i.id) AS photo,
            row_number() OVER (PARTITION BY coalesce(i.duplicate_of, i.id) ORDER BY f.id) AS n
        FROM file f JOIN image i ON i.id = f.image_id WHERE f.id = ANY(:ids)
    ), came AS (
        SELECT s.file_id, coalesce(i.duplicate_of, i.id) AS photo,
            row_number() OVER (PARTITION BY coalesce(i.duplicate_of, i.id) ORDER BY s.position) AS n
        FROM session_item s JOIN file f ON f.id = s.file_id JOIN image i ON i.id = f.image_id
        WHERE s.session_id = :session_id AND s.training_skip = 'duplicate'
            AND NOT EXISTS (
                SELECT FROM session_item e
                WHERE e.file_id = s.file_id AND e.session_id <> s.session_id
            )
    )
    UPDATE session_item s SET training_skip = 'moved',
        training_reason = '{SkipReason.MOVED.words}' || went.path
    FROM went JOIN came USING (photo, n)
    WHERE s.session_id = :session_id AND s.file_id = came.file_id
    """
)

_COUNT_MOVED = text(
    """
    SELECT count(*) FROM session_item
    WHERE session_id = :session_id AND training_skip = 'moved'
    """
)
_READ = text("SELECT census FROM training_session WHERE id = :session_id")


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A file that may be gone; a process with access to the storage must check it."""

    file_id: int
    path: str


def note_passed_over(
    db: Session,
    session_id: int,
    counts: Mapping[str, int],
    unlisted: Sequence[str],
    *,
    films: int = 0,
) -> None:
    """Record the counts of passed-over files, the folders that could not be listed, and `films`.

    `films` is the number of items that are films by their names.
    """
    told = {"passedOver": dict(counts), "unlisted": list(unlisted), "films": films}
    note_census(db, session_id, told)


def list_doubtful(db: Session, session_id: int) -> list[Doubtful]:
    """Return the files that must be checked before `settle_files` is called."""
    rows = db.execute(_DOUBTFUL, {"session_id": session_id})
    return [Doubtful(row.id, row.path) for row in rows]


def settle_files(
    db: Session,
    session_id: int,
    *,
    root: str,
    gone: Iterable[int],
    now: datetime,
    takes_films: bool = True,
) -> None:
    """Mark the known files below `root` that have moved or are missing, and record the numbers.

    `gone` are the ids of doubtful files that were checked and do not exist. If the session did not
    look for films (`takes_films` is false), no film counts as missing. A second call changes
    nothing.
    """
    lock_library(db)
    census = dict(db.execute(_READ, {"session_id": session_id}).scalar_one())
    key: dict[str, Any] = {"session_id": session_id, "prefix": path_prefix(root)}
    unlisted = [path_prefix(folder) for folder in census.get("unlisted", ())]
    db.execute(_DROP)
    db.execute(
        _FIND_UNMET, {**key, "unlisted": unlisted, "gone": sorted(gone), "takes_films": takes_films}
    )
    unmet = db.execute(_LIST_UNMET).scalars().all()
    lost = set(db.execute(_LIST_GONE, key).scalars()) if unmet else set()
    known = sum(int(db.execute(count, key).scalar_one()) for count in (_COUNT_LEFT, _COUNT_MET))
    is_doubtful = 2 * len(lost) > known
    marked = [one for one in unmet if not (is_doubtful and one in lost)]
    missing = mark_files_missing(db, marked, now=now)
    promote_heirs(db)
    db.execute(_TELL_MOVED, key | {"ids": marked})
    figures = {"known": known, "gone": len(lost)} if is_doubtful else {"known": None, "gone": None}
    db.execute(_SET_LIBRARY, key | figures)
    told = {
        "moved": int(db.execute(_COUNT_MOVED, key).scalar_one()),
        "missing": int(census.get("missing", 0)) + missing,
        **figures,
    }
    note_census(db, session_id, told)


def note_census(db: Session, session_id: int, census: Mapping[str, Any]) -> None:
    """Add these entries to the census of a session, or replace them."""
    db.execute(_NOTE, {"session_id": session_id, "census": json.dumps(census)})

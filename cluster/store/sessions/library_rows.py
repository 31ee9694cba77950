"""Reads and creates libraries: their roots, their files, and their numbers of photos."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.errors import BadRoot, NotFound
from cluster.core.files.gone import Unconfirmed, describe_absent, describe_confirming
from cluster.core.sessions import SessionStatus

_PROVIDE = text(
    """
    INSERT INTO library (root, root_sha256) VALUES (:root, :digest)
    ON CONFLICT (root_sha256) DO UPDATE SET root = EXCLUDED.root RETURNING id
    """
)
_FIND = text("SELECT id FROM library WHERE root_sha256 = :digest")

# A duplicate has the faces of its representative, which may be in another library.
_LIST = text(
    """
    WITH wanted AS (
        SELECT l.*, t.id AS session_id, t.pack, t.status, t.created_at, t.completed_at,
            l.root || CASE WHEN right(l.root, 1) = '/' THEN '' ELSE '/' END AS prefix
        FROM library l LEFT JOIN LATERAL (
            SELECT * FROM training_session WHERE library_id = l.id ORDER BY id DESC LIMIT 1
        ) t ON true
        WHERE CAST(:id AS bigint) IS NULL OR l.id = :id
    ), photo AS MATERIALIZED (
        SELECT w.id AS library_id, w.pack, i.id, coalesce(i.duplicate_of, i.id) AS face_of,
            i.missing_since IS NOT NULL AS is_missing, i.missing_since IS NULL
                AND bool_or(f.missing_since IS NULL AND NOT f.superseded) AS is_here
        FROM wanted w JOIN file f ON starts_with(f.path, w.prefix) JOIN image i ON i.id = f.image_id
        GROUP BY w.id, w.pack, i.id
    ), held AS (
        SELECT library_id, count(*) FILTER (WHERE is_here) AS photos,
            count(*) FILTER (WHERE is_missing) AS missing
        FROM photo GROUP BY library_id
    ), shown AS (
        SELECT photo.library_id, count(DISTINCT e.person_id) AS people
        FROM photo JOIN face e ON e.image_id = photo.face_of AND e.pack = photo.pack
            JOIN person p ON p.id = e.person_id AND NOT p.hidden
        WHERE photo.is_here GROUP BY photo.library_id
    )
    SELECT w.*, coalesce(h.photos, 0) AS photos, coalesce(h.missing, 0) AS missing,
        coalesce(s.people, 0) AS people,
        (SELECT count(*) FROM training_session WHERE library_id = w.id) AS sessions
    FROM wanted w LEFT JOIN held h ON h.library_id = w.id LEFT JOIN shown s ON s.library_id = w.id
    ORDER BY w.session_id DESC NULLS LAST, w.id DESC
    """
)

_COUNT_KNOWN = text(
    """
    SELECT count(DISTINCT image_id) FROM file
    WHERE missing_since IS NULL AND NOT superseded AND starts_with(path, :prefix)
    """
)

# A file is met if the newest session that has listed the whole library found it.
_LIST_FILES = text(
    """
    WITH newest AS (
        SELECT t.id, t.census FROM training_session t JOIN session_phase p ON p.session_id = t.id
        WHERE t.library_id = :library_id AND p.phase = 'training' AND NOT p.discovering
        ORDER BY t.id DESC LIMIT 1
    ), unlisted AS (
        SELECT place FROM newest, jsonb_array_elements_text(census->'unlisted') AS u (place)
    )
    SELECT f.id, f.path, f.size, NOT EXISTS (SELECT FROM newest) OR EXISTS (
        SELECT FROM newest n JOIN session_item s ON s.session_id = n.id WHERE s.file_id = f.id
    ) OR EXISTS (
        SELECT FROM unlisted WHERE f.path = place OR starts_with(f.path, rtrim(place, '/') || '/')
    ) AS is_met
    FROM file f
    WHERE (f.missing_since IS NULL OR :with_missing) AND NOT f.superseded
        AND starts_with(f.path, :prefix)
    ORDER BY f.id
    """
)


@dataclass(frozen=True, slots=True)
class LastSession:
    """The newest session over a library."""

    id: int
    status: SessionStatus
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryInfo:
    """A library, with the numbers of its photos, missing photos, people and sessions.

    `photos` counts the existing ones; `people` counts the people in these photos, found with the
    pack of the last session, without hidden ones. `unconfirmed` is set after a session found most
    files gone, until a user confirms it.
    """

    id: int
    root: str
    photos: int
    missing: int
    people: int
    sessions: int
    last_session: LastSession | None
    unconfirmed: Unconfirmed | None


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file below the root; `is_met` if the last complete listing found it.

    `size` is in bytes, None when unknown.
    """

    id: int
    path: str
    size: int | None
    is_met: bool


def provide_library(db: Session, root: str) -> int:
    """Return the id of the library over `root`, which is created unless it exists."""
    return int(db.execute(_PROVIDE, {"root": root, "digest": hash_root(root)}).scalar_one())


def path_prefix(root: str) -> str:
    """Return the prefix of the paths of all files below `root`: the root with a slash."""
    return root if root.endswith("/") else f"{root}/"


def hash_root(root: str) -> bytes:
    """Return the SHA-256 of a root, 32 bytes; the database finds libraries by it."""
    return hashlib.sha256(root.encode()).digest()


def list_libraries(db: Session) -> list[LibraryInfo]:
    """Return all libraries, the one with the newest session first."""
    return [_to_library(row) for row in db.execute(_LIST, {"id": None})]


def get_library(db: Session, library_id: int) -> LibraryInfo:
    """Return the library; raise NotFound when there is none."""
    row = db.execute(_LIST, {"id": library_id}).one_or_none()
    if row is None:
        raise NotFound("library", library_id)
    return _to_library(row)


def find_library_id(db: Session, root: str) -> int | None:
    """Return the id of the library over `root`; None when no session went over it."""
    return db.execute(_FIND, {"digest": hash_root(root)}).scalar()


def list_known_files(
    db: Session, library: LibraryInfo, *, with_missing: bool = False
) -> Sequence[KnownFile]:
    """Return the files of a library by id; missing files are left out unless `with_missing`."""
    key = {
        "library_id": library.id,
        "prefix": path_prefix(library.root),
        "with_missing": with_missing,
    }
    return [KnownFile(*row) for row in db.execute(_LIST_FILES, key)]


def explain_bad_root(db: Session, error: BadRoot, root: str) -> BadRoot:
    """Extend the error about an empty or missing root by the number of known photos."""
    photos = int(db.execute(_COUNT_KNOWN, {"prefix": path_prefix(root)}).scalar_one())
    if not photos:
        return error
    more = describe_absent(photos)
    if find_library_id(db, root) is not None:
        more = f"{more} {describe_confirming(root)}"
    return type(error)(error.root, f"{error.reason} {more}")


def _to_library(row: Row[tuple[object, ...]]) -> LibraryInfo:
    has_session, is_doubtful = row.session_id is not None, row.gone is not None
    return LibraryInfo(
        id=row.id,
        root=row.root,
        photos=row.photos,
        missing=row.missing,
        people=row.people,
        sessions=row.sessions,
        last_session=LastSession(
            row.session_id, SessionStatus(row.status), row.created_at, row.completed_at
        )
        if has_session
        else None,
        unconfirmed=Unconfirmed(row.known, row.gone) if is_doubtful else None,
    )

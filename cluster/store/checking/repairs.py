"""Repairs data that can be derived from other rows; decisions of users are never changed.

Each function is one transaction, and takes the locks that other writers of the same rows take. It
returns the number of repairs; rows that are busy or cannot be derived stay unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cluster.core.damage import NORM_TOLERANCE, Damage, DamageKind
from cluster.core.errors import SessionBusy
from cluster.core.identity.faces import BoundingBox
from cluster.core.identity.people import fold_name
from cluster.core.sessions import SessionStatus
from cluster.store.checking.row_damage import VECTOR_DAMAGE, list_numbers_used
from cluster.store.checking.session_damage import COUNTS_OF_ITEMS, PHOTO_PHASES
from cluster.store.database.engine import Engine, begin
from cluster.store.locks import lock_library, lock_people
from cluster.store.photos.missing import refresh_missing
from cluster.store.sessions.session_locks import keep_drivers_out
from cluster.store.sessions.session_rows import get_session

_RECOUNT_SESSION = text(
    f"""
    UPDATE session_phase p SET total = i.total, processed = i.processed, skipped = i.skipped,
        failed = i.failed, unchanged = least(p.unchanged, i.finished),
        high_water_mark = i.finished, revision = p.revision + 1
    FROM (
        SELECT k.phase, coalesce(c.total, 0) AS total, coalesce(c.processed, 0) AS processed,
            coalesce(c.skipped, 0) AS skipped, coalesce(c.failed, 0) AS failed,
            coalesce(c.processed + c.skipped + c.failed, 0) AS finished
        FROM unnest(CAST(:phases AS text[])) AS k (phase)
        LEFT JOIN ({COUNTS_OF_ITEMS}) c ON c.phase = k.phase
    ) i
    WHERE p.session_id = :session_id AND p.phase = i.phase
        AND (p.total, p.processed, p.skipped, p.failed)
            IS DISTINCT FROM (i.total, i.processed, i.skipped, i.failed)
    """
)
_FORGET_ITSELF = text(
    """
    UPDATE image SET duplicate_of = nullif(duplicate_of, id), similar_to = nullif(similar_to, id)
    WHERE duplicate_of = id OR similar_to = id
    """
)
_DIGEST_PATHS = text(
    """
    UPDATE file k SET path_sha256 = sha256(convert_to(k.path, 'UTF8'))
    WHERE k.path_sha256 <> sha256(convert_to(k.path, 'UTF8')) AND (k.superseded OR NOT EXISTS (
        SELECT FROM file o WHERE o.id <> k.id AND o.path = k.path AND NOT o.superseded
    ))
    """
)
_DIGEST_ROOTS = text(
    """
    UPDATE library k SET root_sha256 = sha256(convert_to(k.root, 'UTF8'))
    WHERE k.root_sha256 <> sha256(convert_to(k.root, 'UTF8'))
        AND NOT EXISTS (SELECT FROM library o WHERE o.id <> k.id AND o.root = k.root)
    """
)
_NAME = text("SELECT name FROM person WHERE id = :id")
_SET_KEY = text(
    """
    UPDATE person p SET name_key = :key WHERE id = :id AND NOT EXISTS (
        SELECT FROM person o WHERE o.pack = p.pack AND o.id <> p.id AND o.name_key = :key
    )
    """
)
_DELETE_EMPTY = text(
    """
    DELETE FROM person p WHERE p.id = ANY(:ids) AND p.name IS NULL AND p.birth_date IS NULL
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)
_RECOUNT_FACES = text(
    """
    UPDATE detection d SET faces = (
        SELECT count(embedding) FROM face f WHERE f.image_id = d.image_id AND f.pack = d.pack
    )
    WHERE d.image_id = ANY(:ids)
    """
)
_NORMALISE = text(
    f"""
    UPDATE face SET embedding = l2_normalize(embedding)
    FROM ({VECTOR_DAMAGE}) damaged
    WHERE face.id = damaged.id AND vector_norm(face.embedding) > 0
        AND abs(vector_norm(face.embedding) - 1) > {NORM_TOLERANCE}
    """
)
_SEARCH_AGAIN = text(
    f"""
    DELETE FROM detection d USING face f JOIN ({VECTOR_DAMAGE}) damaged ON damaged.id = f.id
    WHERE d.image_id = f.image_id AND d.pack = f.pack
    """
)
_NOTHING: Mapping[str, object] = MappingProxyType({})
_SOURCES = {
    "image": text(
        """
        SELECT i.id, NULL AS box_left, NULL AS box_top, NULL AS box_right, NULL AS box_bottom,
            k.path, k.sha256, i.duration_s IS NOT NULL AS is_film, NULL AS time_s
        FROM image i JOIN file k ON k.image_id = i.id AND k.is_read AND k.missing_since IS NULL
        WHERE i.id = ANY(:ids) ORDER BY i.id, k.superseded, k.id
        """
    ),
    "face": text(
        """
        SELECT f.id, f.box_left, f.box_top, f.box_right, f.box_bottom, k.path, k.sha256,
            i.duration_s IS NOT NULL AS is_film, f.time_s
        FROM face f JOIN image i ON i.id = f.image_id
            JOIN file k ON k.image_id = i.id AND k.is_read AND k.missing_since IS NULL
        WHERE f.id = ANY(:ids) ORDER BY f.id, k.superseded, k.id
        """
    ),
}
_REPLACE = {
    "image": text("UPDATE image SET thumbnail = :picture WHERE id = :id"),
    "face": text("UPDATE face SET crop = :picture WHERE id = :id"),
}


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A file from which a thumbnail (`box` is None) or the picture of a face can be made again.

    `sha256` is the digest of the bytes that the file had when it was read. A face in a film is at
    `time_s` seconds.
    """

    id: int
    path: str
    sha256: bytes
    box: BoundingBox | None
    is_film: bool = False
    time_s: float | None = None


def mend_rows(engine: Engine, damage: Damage) -> int:
    """Repair damage of one kind from other rows; returns 0 for kinds that need a photo."""
    if damage.kind is DamageKind.COUNTS:
        return sum(_recount_session(engine, session_id) for session_id in damage.keys)
    if damage.kind is DamageKind.INDEX:
        return sum(_rebuild(engine, name) for name in damage.examples)
    mend = _MENDING.get(damage.kind)
    if mend is None:
        return 0
    with begin(engine) as db:
        return mend(db, damage.keys)


def _change(db: Session, statement: TextClause, values: Mapping[str, object] = _NOTHING) -> int:
    """Run a statement, and return how many rows it changed."""
    return cast("CursorResult[Any]", db.execute(statement, values)).rowcount


def _recount_session(engine: Engine, session_id: int) -> int:
    """Recount the items of an ended session; a running session is left alone."""
    try:
        with begin(engine) as db:
            keep_drivers_out(db, session_id)
            if get_session(db, session_id).status is SessionStatus.RUNNING:
                return 0
            key = {"session_id": session_id, "phases": PHOTO_PHASES}
            return int(_change(db, _RECOUNT_SESSION, key) > 0)
    except SessionBusy:
        return 0


def _rebuild(engine: Engine, index: str) -> int:
    """Rebuild an index; 0 if its table does not allow it, for example because of equal keys."""
    try:
        with begin(engine) as db:
            db.execute(text(f"REINDEX INDEX {index}"))
    except DBAPIError:
        return 0
    return 1


def _raise_numbers(db: Session, _keys: Sequence[int]) -> int:
    behind = list_numbers_used(db)
    for table, column, sequence in behind:
        db.execute(text(f"SELECT setval('{sequence}', (SELECT max({column}) FROM {table}))"))
    return len(behind)


def _refresh(db: Session, keys: Sequence[int]) -> int:
    lock_library(db)
    refresh_missing(db, keys)
    return len(keys)


def _forget_itself(db: Session, _keys: Sequence[int]) -> int:
    lock_library(db)
    return _change(db, _FORGET_ITSELF)


def _digest_paths(db: Session, _keys: Sequence[int]) -> int:
    lock_library(db)
    return _change(db, _DIGEST_PATHS) + _change(db, _DIGEST_ROOTS)


def _fold_names(db: Session, keys: Sequence[int]) -> int:
    """Recompute the keys of people's names; a key that another person has is not assigned."""
    lock_people(db)
    mended = 0
    for person_id in keys:
        name = db.execute(_NAME, {"id": person_id}).scalar()
        key = {"id": person_id, "key": None if name is None else fold_name(name)}
        mended += _change(db, _SET_KEY, key)
    return mended


def _delete_empty(db: Session, keys: Sequence[int]) -> int:
    lock_people(db)
    return _change(db, _DELETE_EMPTY, {"ids": list(keys)})


def _recount_faces(db: Session, keys: Sequence[int]) -> int:
    lock_people(db)
    db.execute(_RECOUNT_FACES, {"ids": list(keys)})
    return len(keys)


def _mend_vectors(db: Session, keys: Sequence[int]) -> int:
    """Normalise vectors; if that is impossible, let the next session search the photo again."""
    lock_people(db)
    normalised = _change(db, _NORMALISE)
    db.execute(_SEARCH_AGAIN)
    return min(normalised, len(keys))


_MENDING: Mapping[DamageKind, Callable[[Session, Sequence[int]], int]] = {
    DamageKind.NUMBERS_USED: _raise_numbers,
    DamageKind.MISSING_FLAG: _refresh,
    DamageKind.OWN_DUPLICATE: _forget_itself,
    DamageKind.PATH_DIGEST: _digest_paths,
    DamageKind.NAME_KEY: _fold_names,
    DamageKind.PERSON_WITHOUT_FACE: _delete_empty,
    DamageKind.FACE_COUNT: _recount_faces,
    DamageKind.VECTOR: _mend_vectors,
}


def list_picture_sources(db: Session, damage: Damage) -> list[PictureSource]:
    """Return the files from which damaged thumbnails or pictures of faces can be made again.

    A photo with several files has several entries.
    """
    table = "image" if damage.kind is DamageKind.THUMBNAIL else "face"
    rows = db.execute(_SOURCES[table], {"ids": list(damage.keys)})
    return [
        PictureSource(
            row.id,
            row.path,
            bytes(row.sha256),
            None
            if row.box_left is None
            else BoundingBox(row.box_left, row.box_top, row.box_right, row.box_bottom),
            row.is_film,
            row.time_s,
        )
        for row in rows
        if row.sha256 is not None
    ]


def replace_picture(engine: Engine, kind: DamageKind, key: int, picture: bytes) -> None:
    """Store a remade thumbnail or picture of a face."""
    table = "image" if kind is DamageKind.THUMBNAIL else "face"
    with begin(engine) as db:
        db.execute(_REPLACE[table], {"id": key, "picture": picture})

"""Reads the data that a check compares with the disk: the places of files, and sample pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

PAGE = 5_000

_PLACES = text(
    """
    SELECT id, path, path_sha256, size, modified_ns FROM file
    WHERE NOT superseded AND missing_since IS NULL AND path_sha256 > :after
    ORDER BY path_sha256 LIMIT :limit
    """
)
_ROOTS = text("SELECT root FROM library ORDER BY id")
_SAMPLE = {
    "image": text(
        "SELECT id, thumbnail AS picture FROM image WHERE id IN ("
        "SELECT id FROM image ORDER BY hashint8(id) LIMIT :limit)"
    ),
    "face": text(
        "SELECT id, crop AS picture FROM face WHERE id IN ("
        "SELECT id FROM face WHERE embedding IS NOT NULL ORDER BY hashint8(id) LIMIT :limit)"
    ),
}
_UNFINISHED = text(
    "SELECT id FROM training_session WHERE status IN ('pending', 'running', 'paused', 'failed')"
)
_TOTALS = text(
    """
    SELECT (SELECT count(*) FROM image) AS photos, (SELECT count(*) FROM file) AS files,
        (SELECT count(*) FROM face) AS faces, (SELECT count(*) FROM person) AS people,
        (SELECT count(*) FROM kept_decision WHERE placed_at IS NULL) AS "decisions kept for later"
    """
)


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A file that should exist: its path as text, and its size and time from the storage."""

    id: int
    path: str
    size: int | None
    modified_ns: int | None


def list_places(db: Session) -> Iterator[Sequence[FilePlace]]:
    """Yield the files that should exist, in pages.

    The order is that of the digests of their paths, so the first pages are a random sample.
    """
    after = b""
    while True:
        rows = db.execute(_PLACES, {"after": after, "limit": PAGE}).all()
        if not rows:
            return
        yield [FilePlace(row.id, row.path, row.size, row.modified_ns) for row in rows]
        after = rows[-1].path_sha256


def list_roots(db: Session) -> list[str]:
    """Return the roots of all libraries."""
    return list(db.execute(_ROOTS).scalars())


def sample_thumbnails(db: Session, *, limit: int) -> dict[int, bytes]:
    """Return the thumbnails of at most `limit` photos, drawn from all, by the photos' ids."""
    return {row.id: bytes(row.picture) for row in db.execute(_SAMPLE["image"], {"limit": limit})}


def sample_crops(db: Session, *, limit: int) -> dict[int, bytes]:
    """Return the pictures of at most `limit` faces, drawn from all, by the faces' ids."""
    return {row.id: bytes(row.picture) for row in db.execute(_SAMPLE["face"], {"limit": limit})}


def list_unfinished(db: Session) -> set[int]:
    """Return the ids of sessions that may continue."""
    return set(db.execute(_UNFINISHED).scalars())


def count_rows(db: Session) -> Mapping[str, int]:
    """Return the numbers of photos, files, faces, people and kept decisions."""
    return dict(db.execute(_TOTALS).mappings().one())

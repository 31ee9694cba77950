"""Joins the photo of a companion with the photo of the file that shows it.

A raw file that was read before its JPEG, or without it, has a photo of its own, and users may have
made decisions about the faces in it. Once the JPEG is there, both become one photo: that of the
JPEG, which takes over the faces and decisions of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.pictures.duplicates import MAX_ASPECT_DIFFERENCE
from cluster.store.database.storable import to_unsigned
from cluster.store.locks import lock_people
from cluster.store.photos.heirs import inherit
from cluster.store.photos.missing import refresh_missing

MOST_DIFFERENT_BITS = 16
"""The most differing bits, of the 64 of a pHash, between a raw file's preview and the JPEG of the
same shot, even if edited. Unrelated pictures differ in about 32 bits, and seldom in fewer than
20."""

_PAIRS = text(
    """
    SELECT n.file_id, r.id AS old, p.id AS new, r.phash AS old_phash, p.phash AS new_phash,
        r.width::float8 / r.height AS old_aspect, p.width::float8 / p.height AS new_aspect,
        r.duration_s IS NOT NULL AS is_film,
        EXISTS (SELECT FROM face WHERE image_id = r.id) AS old_has_faces,
        EXISTS (SELECT FROM erased_face WHERE image_id = r.id) AS old_has_erased,
        EXISTS (
            SELECT FROM face WHERE image_id = r.id AND (placed_by_user OR verdict IS NOT NULL)
        ) AS old_has_decisions,
        EXISTS (SELECT FROM detection WHERE image_id = p.id)
            OR EXISTS (SELECT FROM face WHERE image_id = p.id) AS new_is_searched
    FROM unnest(CAST(:file_ids AS bigint[]), CAST(:shown_ids AS bigint[]))
            AS n (file_id, shown_id)
        JOIN file f ON f.id = n.file_id JOIN image r ON r.id = f.image_id
        JOIN file s ON s.id = n.shown_id JOIN image p ON p.id = s.image_id
    ORDER BY n.file_id
    """
)

_FREE = text(
    """
    UPDATE image p SET duplicate_of = CASE WHEN r.duplicate_of <> p.id THEN r.duplicate_of END
    FROM unnest(CAST(:old AS bigint[]), CAST(:new AS bigint[])) AS n (old, new)
        JOIN image r ON r.id = n.old
    WHERE p.id = n.new AND p.duplicate_of = r.id
    """
)
_ADOPT = text(
    """
    UPDATE image d SET duplicate_of = n.new
    FROM unnest(CAST(:old AS bigint[]), CAST(:new AS bigint[])) AS n (old, new)
    WHERE d.duplicate_of = n.old AND d.id <> n.new
    """
)
_MOVE_FILES = text(
    """
    UPDATE file SET image_id = n.new
    FROM unnest(CAST(:old AS bigint[]), CAST(:new AS bigint[])) AS n (old, new)
    WHERE file.image_id = n.old
    """
)
_REMOVE = text("DELETE FROM image WHERE id = ANY(:old)")
_MARK = text("UPDATE file SET companion = true WHERE id = ANY(:ids) AND NOT companion")


@dataclass(frozen=True, slots=True)
class Joined:
    """The companions whose photos were joined, and the photos that show them now."""

    file_ids: tuple[int, ...]
    image_ids: tuple[int, ...]


def join_photos(db: Session, pairs: Sequence[tuple[int, int]]) -> Joined:
    """Make each companion a file of the photo that the other file of the pair shows.

    `pairs` are the ids of companions and of the files that show their photos. Faces, decisions and
    erasures of a companion's own photo move to the photo that shows it, if that was never searched
    and shows the same. If both photos have faces, or the pictures cannot be related, they are not
    joined, because decisions would be lost. The caller holds the LIBRARY lock.
    """
    key = {"file_ids": [one for one, _ in pairs], "shown_ids": [one for _, one in pairs]}
    rows = list(_choose(db.execute(_PAIRS, key)))
    apart = [row for row in rows if row.old != row.new]
    if apart:
        _join(db, apart)
    db.execute(_MARK, {"ids": [row.file_id for row in rows]})
    return Joined(tuple(row.file_id for row in rows), tuple(sorted({int(row.new) for row in rows})))


def _choose(rows: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
    """Yield the pairs that may be joined; a photo takes over the faces of at most one other."""
    heirs: set[int] = set()
    for row in rows:
        is_heir = _brings_faces(row) and row.old != row.new
        if row.old == row.new or (_may_join(row) and not (is_heir and row.new in heirs)):
            heirs |= {row.new} if is_heir else set()
            yield row


def _may_join(row: Row[Any]) -> bool:
    if row.is_film:  # Its faces found no people, and are in other frames than the photo's.
        return not row.old_has_decisions
    return not _brings_faces(row) or (not row.new_is_searched and _shows_the_same(row))


def _brings_faces(row: Row[Any]) -> bool:
    return not row.is_film and bool(row.old_has_faces or row.old_has_erased)


def _shows_the_same(row: Row[Any]) -> bool:
    bits = (to_unsigned(row.old_phash) ^ to_unsigned(row.new_phash)).bit_count()
    wider = max(row.old_aspect, row.new_aspect)
    is_shaped = abs(row.old_aspect - row.new_aspect) <= MAX_ASPECT_DIFFERENCE * wider
    return is_shaped and bits <= MOST_DIFFERENT_BITS


def _join(db: Session, rows: Sequence[Row[Any]]) -> None:
    lock_people(db)
    inherit(db, [(row.old, row.new) for row in rows if _brings_faces(row)])
    key = {"old": [row.old for row in rows], "new": [row.new for row in rows]}
    for statement in (_FREE, _ADOPT, _MOVE_FILES):
        db.execute(statement, key)
    db.execute(_REMOVE, {"old": key["old"]})
    refresh_missing(db, sorted(set(key["new"])))

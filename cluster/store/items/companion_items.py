"""Settles the companions of a session at the end of training, when all its files have been read.

A companion becomes a file of the photo that another file shows, whichever of the two was read
first, in this session or an earlier one. Its item is skipped with the reason `companion`. While the
file that shows the photo is missing, a raw file shows it, and a film counts as a film again.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.files.companions import (
    COMPANION_SUFFIXES,
    FILM_SUFFIXES,
    CompanionCounts,
    ShotFile,
    find_companions,
)
from cluster.core.files.formats import FORMATS
from cluster.core.files.suffixes import RAW_SUFFIXES
from cluster.core.pictures.photos import Settled
from cluster.core.sessions import PhaseName
from cluster.store.items.census import note_census
from cluster.store.locks import lock_library
from cluster.store.photos.joined_photos import join_photos
from cluster.store.photos.missing import refresh_missing
from cluster.store.photos.representatives import decide_duplicates
from cluster.store.sessions.counts import add_counts
from cluster.store.sessions.library_rows import path_prefix

# Without regular expressions, which take several times as long.
_SUFFIX = "lower(right(f.path, strpos(reverse(f.path), '.')))"
_NAME = "lower(left(f.path, -strpos(reverse(f.path), '.')))"
_IS_THERE = """
    NOT f.superseded AND f.missing_since IS NULL AND f.image_id IS NOT NULL
        AND starts_with(f.path, :prefix)
    """
# If all files are unchanged and none is missing, there is nothing to decide.
_HAS_CHANGED = text(
    """
    SELECT EXISTS (
        SELECT FROM session_item WHERE session_id = :session_id
            AND training_skip IS DISTINCT FROM 'unchanged'
    ) OR EXISTS (
        SELECT FROM file f JOIN training_session t ON t.id = :session_id
        WHERE f.missing_since >= t.created_at AND starts_with(f.path, :prefix)
    )
    """
)
_HAS_ANY = text(f"SELECT EXISTS (SELECT FROM file f WHERE {_IS_THERE} AND {_SUFFIX} = ANY(:own))")
_LIST = text(
    f"""
    WITH named AS MATERIALIZED (
        SELECT DISTINCT {_NAME} AS name FROM file f WHERE {_IS_THERE} AND {_SUFFIX} = ANY(:own)
    )
    SELECT f.id, f.path, f.image_id, f.companion, i.taken_at, i.duration_s,
        f.companion AND EXISTS (
            SELECT FROM file o
            WHERE o.image_id = f.image_id AND NOT o.companion AND NOT o.superseded
        ) AS is_kept
    FROM named n JOIN file f ON {_NAME} = n.name JOIN image i ON i.id = f.image_id
    WHERE {_IS_THERE} AND {_SUFFIX} = ANY(:photos)
    """
)
_PRINTS = text("SELECT phash, content FROM image WHERE id = ANY(:ids)")
_RELEASE = text(
    f"""
    UPDATE file f SET companion = false,
        image_id = CASE WHEN {_SUFFIX} = ANY(:films) THEN NULL ELSE f.image_id END,
        is_read = f.is_read AND NOT {_SUFFIX} = ANY(:films)
    FROM file o WHERE f.id = ANY(:ids) AND o.id = f.id RETURNING o.image_id
    """
)
_COUNT = text(
    f"""
    SELECT count(*) FILTER (WHERE {_SUFFIX} = ANY(:raws)) AS raw,
        count(*) FILTER (WHERE {_SUFFIX} = ANY(:films)) AS film
    FROM session_item s JOIN file f ON f.id = s.file_id
    WHERE s.session_id = :session_id AND f.companion AND EXISTS (
        SELECT FROM file o
        WHERE o.image_id = f.image_id AND NOT o.companion AND o.missing_since IS NULL
    )
    """
)

_PHOTOS = sorted(COMPANION_SUFFIXES.union(*(row.suffixes for row in FORMATS if row.is_read)))
_FILM_ENDINGS = tuple(FILM_SUFFIXES)
_OWN, _FILMS = sorted(COMPANION_SUFFIXES), sorted(FILM_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Companions:
    """The changes to make: `pairs` are ids of companions, each with that of the file that shows it.

    `loose` are files that are no longer companions: a raw file whose JPEG shows another photo now,
    or a film whose photo is gone. A raw file whose JPEG is missing stays a companion, and shows the
    photo until the JPEG is back.
    """

    pairs: tuple[tuple[int, int], ...] = ()
    loose: tuple[int, ...] = ()


def list_companions(db: Session, session_id: int, *, root: str) -> Companions:
    """Return the changes that bring each companion below `root` together with its photo."""
    key: dict[str, Any] = {"session_id": session_id, "prefix": path_prefix(root), "own": _OWN}
    if not all(db.execute(query, key).scalar_one() for query in (_HAS_CHANGED, _HAS_ANY)):
        return Companions()
    rows = {row.id: row for row in db.execute(_LIST, key | {"photos": _PHOTOS})}
    found = find_companions(
        ShotFile(row.id, row.path, row.taken_at, row.duration_s, row.companion)
        for row in rows.values()
    )
    settled = {
        one
        for one, shows in found.items()
        if rows[one].companion and rows[one].image_id == rows[shows].image_id
    }
    pairs = sorted((one, shows) for one, shows in found.items() if one not in settled)
    loose = (row.id for row in rows.values() if row.companion and _is_loose(row, found, settled))
    return Companions(tuple(pairs), tuple(sorted(loose)))


def _is_loose(row: Row[Any], found: Mapping[int, int], settled: Container[int]) -> bool:
    is_of_another = row.id in found and row.id not in settled
    is_film = row.path.lower().endswith(_FILM_ENDINGS)
    return is_of_another or (row.id not in found and (is_film or not row.is_kept))


def settle_companions(
    db: Session, session_id: int, pairs: Sequence[tuple[int, int]], *, pack: str
) -> Settled:
    """Assign companions to the photos of the files that show them; return the counts of training.

    Items of companions that would be searched for faces are skipped, and the files that show the
    photos are searched instead. A second call changes nothing.
    """
    lock_library(db)
    joined = join_photos(db, pairs)
    return _decide(db, session_id, joined.image_ids, pack=pack)


def release_companions(
    db: Session, session_id: int, file_ids: Sequence[int], *, pack: str
) -> Settled:
    """Let files that were companions show their photos themselves; return the counts of training.

    A film gets no photo; the next session reads it as a film.
    """
    lock_library(db)
    key = {"ids": list(file_ids), "films": _FILMS}
    image_ids = sorted(set(db.execute(_RELEASE, key).scalars()))
    refresh_missing(db, image_ids)
    return _decide(db, session_id, image_ids, pack=pack)


def note_companions(db: Session, session_id: int) -> None:
    """Record the numbers of companions in the census."""
    note_census(db, session_id, {"companions": count_companions(db, session_id).to_json()})


def count_companions(db: Session, session_id: int) -> CompanionCounts:
    """Return the numbers of companions among the files of the session."""
    key = {"session_id": session_id, "raws": sorted(RAW_SUFFIXES), "films": _FILMS}
    return CompanionCounts(*db.execute(_COUNT, key).one())


def _decide(db: Session, session_id: int, image_ids: Sequence[int], *, pack: str) -> Settled:
    """Decide again which file of these photos is searched."""
    prints = db.execute(_PRINTS, {"ids": list(image_ids)}).all()
    skipped = decide_duplicates(
        db,
        session_id,
        [row.phash for row in prints],
        contents=[bytes(row.content) for row in prints if row.content],
        pack=pack,
    )
    return add_counts(db, session_id, PhaseName.TRAINING, processed=-skipped, skipped=skipped)

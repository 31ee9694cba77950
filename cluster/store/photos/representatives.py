"""Decides which file of a group of duplicates is processed.

Candidates have similar pHashes, or the same content in another orientation. They are items of the
session, or its pack has already searched them. One of the photos that show the same picture
represents all of them, and one of its files is searched. Whenever a file joins a group, the
decision is made again for all photos that are similar, directly or through others. So it does not
depend on the order of the batches. Under the LIBRARY lock, batches decide one after the other. A
film is not similar to any photo.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.pictures.duplicates import (
    QUARTER_SHIFTS,
    Fingerprint,
    find_quarters,
    find_representatives,
    find_similar,
    have_alike_phashes,
)
from cluster.core.sessions import ItemState, SkipReason
from cluster.store.database.storable import to_unsigned
from cluster.store.database.tables import PHASH_QUARTERS
from cluster.store.locks import lock_library

# OFFSET 0 makes the planner look up each photo's rows by their keys. Without it, the planner reads
# the whole session when it has no statistics yet.
_IS_NEAR = " OR ".join(f"{key} = ANY(:quarter_{n})" for n, key in enumerate(PHASH_QUARTERS))
_CANDIDATES = text(
    f"""
    SELECT i.id AS image_id, i.width, i.height, i.content, i.phash, i.dhash, i.blocks,
        i.duplicate_of, i.similar_to, i.duration_s IS NOT NULL AS is_film,
        f.id AS file_id, f.path, coalesce(f.modified_ns, 0) AS time,
        f.sha256, f.companion, f.missing_since IS NULL AS is_there, s.training_state AS state,
        s.training_reason AS reason, d.image_id IS NOT NULL AS is_settled,
        EXISTS (SELECT FROM face WHERE face.image_id = i.id) AS has_faces,
        coalesce(s.detection_state = 'pending' AND (s.training_state = 'processed'
            OR s.training_skip = 'duplicate'), false) AS is_open
    FROM image i
    JOIN LATERAL (SELECT * FROM file WHERE image_id = i.id OFFSET 0) f ON true
    LEFT JOIN LATERAL (
        SELECT * FROM session_item WHERE session_id = :session_id AND file_id = f.id OFFSET 0
    ) s ON true
    LEFT JOIN LATERAL (
        SELECT * FROM detection WHERE pack = :pack AND image_id = i.id OFFSET 0
    ) d ON true
    WHERE (({_IS_NEAR}) AND i.duration_s IS NULL OR i.content = ANY(:contents))
        AND i.id <> ALL(:seen)
        AND (s.training_state IN ('processed', 'skipped') OR d.image_id IS NOT NULL)
    """
)

_MARK_PHOTOS = text(
    """
    UPDATE image SET duplicate_of = n.duplicate_of, similar_to = n.similar_to
    FROM unnest(
        CAST(:ids AS bigint[]), CAST(:duplicate_of AS bigint[]), CAST(:similar_to AS bigint[])
    ) AS n (id, duplicate_of, similar_to)
    WHERE image.id = n.id
    """
)

_MOVE_ITEMS = text(
    """
    UPDATE session_item s SET training_skip = n.skip, training_reason = n.reason,
        training_state = CASE WHEN n.skip IS NULL THEN 'processed' ELSE 'skipped' END
    FROM unnest(CAST(:file_ids AS bigint[]), CAST(:skips AS text[]), CAST(:reasons AS text[]))
        AS n (file_id, skip, reason)
    WHERE s.session_id = :session_id AND s.file_id = n.file_id
    """
)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a candidate; `state` and `reason` are those of its item, None without an item.

    A file that `is_companion` belongs to a photo that another file shows.
    """

    file_id: int
    path: str
    time: int
    is_there: bool
    is_companion: bool
    is_open: bool
    state: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Mark:
    """The representative of a photo, and the earlier photo to which it is similar."""

    image_id: int
    duplicate_of: int | None
    similar_to: int | None


@dataclass(frozen=True, slots=True)
class _Photo:
    """A candidate with its files: first the files that show it, and of these the oldest.

    `is_settled` means that the pack has searched it. The hashes of a film are meaningless.
    """

    fingerprint: Fingerprint
    is_film: bool
    is_settled: bool
    mark: _Mark
    files: tuple[_File, ...]

    @property
    def id(self) -> int:
        return self.fingerprint.image_id

    @property
    def is_open(self) -> bool:
        return not self.is_settled and any(file.is_open for file in self.files)


@dataclass(frozen=True, slots=True)
class _Skip:
    """Why an item is skipped, and the text for users."""

    reason: SkipReason
    said: str


@dataclass(frozen=True, slots=True)
class _Move:
    """The new state of an item: skipped for this reason, or processed if `skip` is None."""

    file: _File
    skip: _Skip | None

    @property
    def became_skipped(self) -> int:
        """1 if a processed file becomes skipped, -1 if a skipped one becomes processed, else 0."""
        was_processed = self.file.state == ItemState.PROCESSED
        return int(was_processed) - int(self.skip is None)


def decide_duplicates(
    db: Session,
    session_id: int,
    phashes: Sequence[int],
    *,
    contents: Sequence[bytes] = (),
    pack: str,
) -> int:
    """Decide the groups of photos with these pHashes (signed) or contents.

    A turned picture has another pHash and the same content. Returns the change in the number of
    skipped items, which may be negative. Other batches cannot decide until the transaction ends.
    """
    lock_library(db)
    key = {"session_id": session_id, "pack": pack}
    by_id = _find_alike(db, phashes, contents, key=key)
    fingerprints = [photo.fingerprint for photo in by_id.values()]
    pictures = [photo.fingerprint for photo in by_id.values() if not photo.is_film]
    standing, similar = find_representatives(fingerprints), find_similar(pictures)
    moves: list[_Move] = []
    marks: list[_Mark] = []
    for photo in by_id.values():
        representative = by_id[standing[photo.id]]
        moves += _move_items(photo, representative)
        duplicate_of = None if representative is photo else representative.id
        mark = _Mark(photo.id, duplicate_of, similar.get(photo.id))
        if photo.is_open and mark != photo.mark:
            marks.append(mark)
    _write(db, session_id, moves, marks)
    return sum(move.became_skipped for move in moves)


def _find_alike(
    db: Session, phashes: Sequence[int], contents: Sequence[bytes], *, key: Mapping[str, Any]
) -> dict[int, _Photo]:
    """Return, by id, the candidates that are similar to these photos or to other candidates."""
    found: dict[int, _Photo] = {}
    wanted, same = {to_unsigned(phash) for phash in phashes}, set(contents)
    while wanted or same:
        asked = {"contents": list(same), "seen": list(found)}
        near = _to_photos(db.execute(_CANDIDATES, {**key, **_quarters(wanted), **asked}))
        alike = [
            photo for photo in near if photo.fingerprint.content in same or _is_alike(photo, wanted)
        ]
        found |= {photo.id: photo for photo in alike}
        wanted = {photo.fingerprint.phash for photo in alike if not photo.is_film} - wanted
        same = {photo.fingerprint.content for photo in alike} - same - {b""}
    return found


def _quarters(phashes: Iterable[int]) -> dict[str, list[int]]:
    by_photo = [find_quarters(phash) for phash in phashes]
    return {f"quarter_{n}": [one[n] for one in by_photo] for n in range(len(QUARTER_SHIFTS))}


def _is_alike(photo: _Photo, phashes: Iterable[int]) -> bool:
    return any(have_alike_phashes(photo.fingerprint.phash, one) for one in phashes)


def _move_items(photo: _Photo, representative: _Photo) -> Iterator[_Move]:
    """Yield the changes to the open items of a photo."""
    for file in photo.files:
        if file.is_open:
            skip = _name_companion(photo, file, _find_skip(file, representative))
            if (None if skip is None else skip.said) != file.reason:
                yield _Move(file, skip)


def _find_skip(file: _File, representative: _Photo) -> _Skip | None:
    """Return why a file is skipped; None for the file that is searched."""
    others = [one for one in representative.files if one is not file]
    if representative.is_settled:
        shows = [one for one in others if not one.is_companion]
        shown = next((one for one in shows if one.is_there), next(iter(shows), None))
        return _same_picture() if shown is None else _duplicate_of(shown)
    searched = next(one for one in representative.files if one.is_open)
    return None if searched is file else _duplicate_of(searched)


def _name_companion(photo: _Photo, file: _File, skip: _Skip | None) -> _Skip | None:
    """Return COMPANION for a skipped companion; any other reason unchanged."""
    if skip is None or not file.is_companion:
        return skip
    shows = [one for one in photo.files if not one.is_companion and one.is_there]
    words = SkipReason.COMPANION.words
    return _Skip(SkipReason.COMPANION, words + shows[0].path) if shows else skip


def _same_picture() -> _Skip:
    return _Skip(SkipReason.SAME_PICTURE, SkipReason.SAME_PICTURE.words)


def _duplicate_of(file: _File) -> _Skip:
    return _Skip(SkipReason.DUPLICATE, SkipReason.DUPLICATE.words + file.path)


def _write(db: Session, session_id: int, moves: Sequence[_Move], marks: Sequence[_Mark]) -> None:
    if marks:
        key: dict[str, Any] = {
            "ids": [mark.image_id for mark in marks],
            "duplicate_of": [mark.duplicate_of for mark in marks],
            "similar_to": [mark.similar_to for mark in marks],
        }
        db.execute(_MARK_PHOTOS, key)
    if moves:
        key = {
            "session_id": session_id,
            "file_ids": [move.file.file_id for move in moves],
            "skips": [None if move.skip is None else move.skip.reason.value for move in moves],
            "reasons": [None if move.skip is None else move.skip.said for move in moves],
        }
        db.execute(_MOVE_ITEMS, key)


def _to_photos(rows: Iterable[Row[Any]]) -> list[_Photo]:
    by_photo: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_photo[row.image_id].append(row)
    return [_to_photo(of_photo) for of_photo in by_photo.values()]


def _to_photo(rows: list[Row[Any]]) -> _Photo:
    rows = sorted(rows, key=lambda row: (row.companion, row.time, row.path, row.file_id))
    first = rows[0]
    fingerprint = Fingerprint(
        image_id=first.image_id,
        path=first.path,
        modified_ns=first.time,
        width=first.width,
        height=first.height,
        sha256=bytes(first.sha256 or b""),
        phash=to_unsigned(first.phash),
        dhash=int.from_bytes(first.dhash, "big"),
        content=bytes(first.content or b""),
        blocks=bytes(first.blocks),
        is_settled=first.is_settled or first.has_faces,
        has_faces=first.has_faces,
    )
    files = [
        _File(
            file_id=row.file_id,
            path=row.path,
            time=row.time,
            is_there=row.is_there,
            is_companion=row.companion,
            is_open=row.is_open,
            state=row.state,
            reason=row.reason,
        )
        for row in rows
    ]
    mark = _Mark(first.image_id, first.duplicate_of, first.similar_to)
    return _Photo(fingerprint, first.is_film, first.is_settled, mark, tuple(files))

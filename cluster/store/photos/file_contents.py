"""Decides which photo a file holds after it was read: a known one, or a new one.

A file holds the known photo with the same bytes or the same content. If there is none and the file
held another photo before, the relation of the two pictures decides. The same picture, or a part of
it, is still that photo, and its faces move to their new places. Any other picture is a new photo,
and the old row of the file is superseded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.pictures.photos import PhotoRecord, TrainingOutcome
from cluster.core.pictures.placements import Likeness, Relation
from cluster.store.database.storable import to_signed
from cluster.store.people.face_placements import Turn, copy_erased, place_faces
from cluster.store.photos.missing import refresh_missing

_FILES = text(
    """
    SELECT f.id, f.superseded, c.id AS current_id, c.image_id, i.content, i.phash
    FROM file f JOIN file c ON c.path_sha256 = f.path_sha256 AND NOT c.superseded
        LEFT JOIN image i ON i.id = c.image_id
    WHERE f.id = ANY(:ids)
    """
)

_BY_BYTES = text(
    """
    SELECT DISTINCT ON (f.sha256) f.sha256, i.id, i.content, i.phash
    FROM file f JOIN image i ON i.id = f.image_id
    WHERE f.sha256 = ANY(:digests) ORDER BY f.sha256, f.missing_since NULLS FIRST, f.id
    """
)

_BY_CONTENT = text(
    """
    SELECT i.content, i.orientation, i.id, i.phash
    FROM image i JOIN unnest(CAST(:contents AS bytea[]), CAST(:orientations AS bigint[]))
        AS c (content, orientation) USING (content, orientation)
    """
)

_NAMES = (
    *("content", "orientation", "width", "height", "taken_at", "phash", "dhash", "blocks"),
    *("thumbnail", "duration_s"),
)
_COLUMNS = ", ".join(_NAMES)
_VALUES = ", ".join(f":{name}" for name in _NAMES)
_ADD = text(f"INSERT INTO image ({_COLUMNS}) VALUES ({_VALUES}) RETURNING id")
_CHANGE = text(
    f"""
    UPDATE image SET ({_COLUMNS}) = ROW({_VALUES}), duplicate_of = NULL, similar_to = NULL
    WHERE id = :id
    """
)

# A picture that an earlier version read gets the columns that this version added.
_COMPLETE = text(
    """
    UPDATE image SET content = :content, orientation = :orientation, blocks = :blocks
    WHERE id = :id AND content IS NULL AND NOT EXISTS (
        SELECT FROM image o WHERE o.content = :content AND o.orientation = :orientation
    )
    """
)
_DATE = text("UPDATE image SET taken_at = :taken_at WHERE id = :id")
# The other files of a changed photo are gone, except for its companions. If they come back, they
# hold its old picture, so they must be read again.
_FORGET_BYTES = text(
    """
    UPDATE file SET sha256 = NULL, is_read = false
    WHERE image_id = :id AND id <> :file_id AND NOT companion
    """
)
_FORGET_DETECTIONS = text("DELETE FROM detection WHERE image_id = :id")

_IS_SHARED = text(
    """
    SELECT EXISTS (
        SELECT FROM file WHERE image_id = :id AND id <> :file_id
            AND NOT superseded AND missing_since IS NULL AND NOT companion
    ) OR EXISTS (SELECT FROM image WHERE duplicate_of = :id AND missing_since IS NULL)
    """
)

_SUPERSEDE = text(
    """
    UPDATE file SET superseded = true, missing_since = coalesce(missing_since, now())
    WHERE id = ANY(:ids)
    """
)
_SUCCEED = text(
    """
    INSERT INTO file (path, path_sha256, size, modified_ns, etag)
    SELECT path, path_sha256, size, modified_ns, etag FROM file WHERE id = ANY(:ids) ORDER BY id
    RETURNING id, path_sha256
    """
)
_REPOINT = text(
    """
    UPDATE session_item s SET file_id = n.id
    FROM file o JOIN file n ON n.path_sha256 = o.path_sha256 AND n.id = ANY(:new)
    WHERE s.session_id = :session_id AND s.file_id = o.id AND o.id = ANY(:old)
    """
)
# Items follow when another session has meanwhile given the path to another row.
_FOLLOW = text(
    """
    UPDATE session_item s SET file_id = c.id
    FROM file o JOIN file c ON c.path_sha256 = o.path_sha256 AND NOT c.superseded
    WHERE s.session_id = :session_id AND s.file_id = o.id AND o.superseded AND o.id = ANY(:ids)
        AND NOT EXISTS (
            SELECT FROM session_item t WHERE t.session_id = s.session_id AND t.file_id = c.id
        )
    """
)
_HOLD = text(
    """
    UPDATE file SET image_id = n.image_id, sha256 = n.sha256, is_read = true, unreadable = NULL,
        missing_since = NULL
    FROM unnest(CAST(:ids AS bigint[]), CAST(:image_ids AS bigint[]), CAST(:digests AS bytea[]))
        AS n (id, image_id, sha256)
    WHERE file.id = n.id
    """
)


@dataclass(frozen=True, slots=True)
class Known:
    """A known photo; `content` is None if an earlier version read it, `phash` is signed."""

    id: int
    content: bytes | None
    phash: int


@dataclass(slots=True)
class Placed:
    """The result of placing a batch.

    `same` are the files that still hold their earlier photo. `lost` are the files whose photo was
    erased or changed while they were read. `phashes` (signed) and `contents` belong to all photos
    that the files hold now.
    """

    same: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    phashes: list[int] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)


def place_contents(
    db: Session, session_id: int, read: Sequence[TrainingOutcome], *, turn: Turn
) -> Placed:
    """Store which photo each file holds now that it was read. The caller holds the LIBRARY lock."""
    work = _Placing(db, session_id, read, turn=turn)
    work.claim(read)
    for outcome in read:
        work.place(outcome)
    work.write()
    return work.placed


class _Placing:
    """One batch: the known photos of its files, and the photos that the files will hold."""

    def __init__(
        self, db: Session, session_id: int, read: Sequence[TrainingOutcome], *, turn: Turn
    ) -> None:
        self._db, self._session_id, self._turn = db, session_id, turn
        ids = [outcome.file_id for outcome in read]
        self._files = {row.id: row for row in db.execute(_FILES, {"ids": ids})}
        self._by_bytes = self._find_by_bytes([_digest(outcome) for outcome in read])
        self._by_content = self._find_by_content([o.record for o in read if o.record])
        self._held: dict[int, tuple[int, bytes]] = {}
        self._left: dict[int, int] = {}
        self._claimed: set[int] = set()
        self.placed = Placed()

    def _find_by_bytes(self, digests: Sequence[bytes]) -> dict[bytes, Known]:
        rows = self._db.execute(_BY_BYTES, {"digests": list(digests)})
        return {bytes(r.sha256): Known(r.id, _bytes(r.content), r.phash) for r in rows}

    def _find_by_content(self, records: Sequence[PhotoRecord]) -> dict[tuple[bytes, int], Known]:
        key = {
            "contents": [record.content for record in records],
            "orientations": [record.orientation for record in records],
        }
        rows = self._db.execute(_BY_CONTENT, key)
        return {
            (bytes(r.content), r.orientation): Known(r.id, bytes(r.content), r.phash) for r in rows
        }

    def claim(self, read: Sequence[TrainingOutcome]) -> None:
        """Remember the photos that files of the batch still hold, which must not change."""
        found = (self._find(outcome) for outcome in read)
        self._claimed = {known.id for known in found if known is not None}

    def place(self, outcome: TrainingOutcome) -> None:
        """Decide which photo a file holds."""
        file, record = self._files[outcome.file_id], outcome.record
        known = self._find(outcome)
        if known is None and record is None:
            self.placed.lost.append(outcome.file_id)
            return
        if known is None:
            assert record is not None
            known = self._make(file, outcome, record)
        elif record is not None:
            self._learn(known, record, is_own=known.id == file.image_id)
        self._hold(file, known, _digest(outcome))

    def _find(self, outcome: TrainingOutcome) -> Known | None:
        record = outcome.record
        found = self._by_bytes.get(_digest(outcome))
        if found is None and record is not None and record.content:
            found = self._by_content.get((record.content, record.orientation))
        return found

    def _make(self, file: Row[Any], outcome: TrainingOutcome, record: PhotoRecord) -> Known:
        """Return the photo of an unknown picture: the file's photo, changed, or a new one."""
        relation = outcome.relation if outcome.before == file.image_id else None
        if file.image_id is None or relation is None or relation.likeness is Likeness.OTHER:
            known = self._add(record)
        elif self._is_shared(file):
            known = self._add(record)
            copy_erased(self._db, file.image_id, known.id, relation)
        else:
            known = self._change(file, record, relation)
        self._by_bytes[record.sha256] = known
        if record.content:
            self._by_content[record.content, record.orientation] = known
        return known

    def _add(self, record: PhotoRecord) -> Known:
        image_id = int(self._db.execute(_ADD, _to_row(record)).scalar_one())
        return Known(image_id, record.content, to_signed(record.phash))

    def _is_shared(self, file: Row[Any]) -> bool:
        """Tell whether another file, or a duplicate, holds the photo too."""
        key = {"id": file.image_id, "file_id": file.current_id}
        return file.image_id in self._claimed or bool(self._db.execute(_IS_SHARED, key).scalar())

    def _change(self, file: Row[Any], record: PhotoRecord, relation: Relation) -> Known:
        """Replace a photo's picture with the new one of its file, and move its faces."""
        image_id = int(file.image_id)
        place_faces(self._db, image_id, relation, turn=self._turn)
        self._db.execute(_CHANGE, {**_to_row(record), "id": image_id})
        self._db.execute(_FORGET_BYTES, {"id": image_id, "file_id": file.current_id})
        if relation.likeness is not Likeness.EQUAL:
            self._db.execute(_FORGET_DETECTIONS, {"id": image_id})
        return Known(image_id, record.content, to_signed(record.phash))

    def _learn(self, known: Known, record: PhotoRecord, *, is_own: bool) -> None:
        """Add to a known photo the values that an earlier version did not store, and its date."""
        if known.content is None and record.content:
            self._db.execute(_COMPLETE, {**_to_row(record), "id": known.id})
        if is_own:
            self._db.execute(_DATE, {"taken_at": record.taken_at, "id": known.id})

    def _hold(self, file: Row[Any], known: Known, digest: bytes) -> None:
        self._held[file.current_id] = (known.id, digest)
        self.placed.phashes.append(known.phash)
        if known.content:
            self.placed.contents.append(known.content)
        if file.image_id == known.id:
            self.placed.same.append(file.current_id)
        elif file.image_id is not None:
            self._left[file.current_id] = file.image_id

    def write(self) -> None:
        """Write which photos the files hold, and mark photos without a file as missing."""
        successors = self._succeed(list(self._left)) if self._left else {}
        held = {successors.get(one, one): what for one, what in self._held.items()}
        if held:
            key = {
                "ids": list(held),
                "image_ids": [image_id for image_id, _ in held.values()],
                "digests": [digest for _, digest in held.values()],
            }
            self._db.execute(_HOLD, key)
        there = {image_id for image_id, _ in held.values()}
        stale = [file.id for file in self._files.values() if file.superseded]
        if stale:
            self._db.execute(_FOLLOW, {"session_id": self._session_id, "ids": stale})
        refresh_missing(self._db, sorted({*there, *self._left.values()}))

    def _succeed(self, old: list[int]) -> Mapping[int, int]:
        """Supersede the rows of files that hold another photo now; return new ids by old ones."""
        self._db.execute(_SUPERSEDE, {"ids": old})
        new = self._db.execute(_SUCCEED, {"ids": old}).all()
        key = {"session_id": self._session_id, "old": old, "new": [row.id for row in new]}
        self._db.execute(_REPOINT, key)
        return dict(zip(sorted(old), (row.id for row in new), strict=True))


def _digest(outcome: TrainingOutcome) -> bytes:
    return outcome.record.sha256 if outcome.record is not None else outcome.known or b""


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _to_row(record: PhotoRecord) -> dict[str, Any]:
    return {
        "content": record.content or None,
        "orientation": record.orientation,
        "width": record.width,
        "height": record.height,
        "taken_at": record.taken_at,
        "phash": to_signed(record.phash),
        "dhash": record.dhash.to_bytes(32, "big"),
        "blocks": record.blocks,
        "thumbnail": record.thumbnail,
        "duration_s": record.duration_s,
    }

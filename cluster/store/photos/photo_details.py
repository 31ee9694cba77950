"""One photo in detail: its files, its duplicates and similar photos, and its people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.people import TAG_CHARACTERS

# `duplicates` are the photos that this one represents.
_PHOTO = text(
    f"""
    SELECT i.id, i.width, i.height, i.taken_at, i.missing_since, i.duplicate_of, i.similar_to,
        left(encode(sha256(i.thumbnail), 'hex'), {TAG_CHARACTERS}) AS thumbnail_tag,
        ARRAY(SELECT id FROM image WHERE duplicate_of = i.id ORDER BY id) AS duplicates,
        ARRAY(SELECT id FROM image WHERE similar_to = i.id ORDER BY id) AS similar
    FROM image i WHERE i.id = :id
    """
)
_FILES = text(
    f"""
    SELECT id, path, size, modified_ns, missing_since, superseded,
        left(encode(sha256, 'hex'), {TAG_CHARACTERS}) AS tag
    FROM file WHERE image_id = :id ORDER BY superseded, missing_since NULLS FIRST, id
    """
)
_PEOPLE = text(
    """
    SELECT p.id, p.name, array_agg(f.id ORDER BY f.id) AS face_ids
    FROM image i JOIN face f ON f.image_id = coalesce(i.duplicate_of, i.id)
        JOIN person p ON p.id = f.person_id
    WHERE i.id = :id AND f.pack = :pack AND NOT p.hidden GROUP BY p.id ORDER BY min(f.id)
    """
)

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFile:
    """A place where a photo is, or was; `superseded` when another picture took its place there.

    `size` is in bytes; `size` and `modified_at` are None when unknown. `tag` is the beginning of
    the SHA-256 of the bytes.
    """

    id: int
    path: str
    size: int | None
    modified_at: datetime | None
    missing_since: datetime | None
    superseded: bool
    tag: str | None

    @property
    def is_present(self) -> bool:
        """The photo was there when the file was last looked for."""
        return self.missing_since is None and not self.superseded


@dataclass(frozen=True, slots=True)
class PhotoPerson:
    """A person in a photo, with the ids of this person's faces there."""

    id: int
    name: str | None
    face_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoInfo:
    """A photo: `width` and `height` are those of the upright picture, in pixels.

    `duplicate_of` represents this photo, and this photo represents its `duplicates`. `similar_to`
    and `similar` are photos that look alike but are not the same. A duplicate has the people of its
    representative.
    """

    id: int
    width: int
    height: int
    taken_at: datetime | None
    missing_since: datetime | None
    duplicate_of: int | None
    duplicates: tuple[int, ...]
    similar_to: int | None
    similar: tuple[int, ...]
    thumbnail_tag: str
    files: tuple[PhotoFile, ...]
    people: tuple[PhotoPerson, ...]


def get_photo(db: Session, image_id: int, *, pack: str) -> PhotoInfo:
    """Return a photo with its people of `pack`, without hidden ones. Raises NotFound."""
    row = db.execute(_PHOTO, {"id": image_id}).one_or_none()
    if row is None:
        raise NotFound("photo", image_id)
    people = db.execute(_PEOPLE, {"id": image_id, "pack": pack})
    return PhotoInfo(
        id=row.id,
        width=row.width,
        height=row.height,
        taken_at=row.taken_at,
        missing_since=row.missing_since,
        duplicate_of=row.duplicate_of,
        duplicates=tuple(row.duplicates),
        similar_to=row.similar_to,
        similar=tuple(row.similar),
        thumbnail_tag=row.thumbnail_tag,
        files=tuple(_list_files(db, image_id)),
        people=tuple(PhotoPerson(p.id, p.name, tuple(p.face_ids)) for p in people),
    )


def _list_files(db: Session, image_id: int) -> list[PhotoFile]:
    return [
        PhotoFile(
            id=row.id,
            path=row.path,
            size=row.size,
            modified_at=_to_time(row.modified_ns),
            missing_since=row.missing_since,
            superseded=row.superseded,
            tag=row.tag,
        )
        for row in db.execute(_FILES, {"id": image_id})
    ]


def _to_time(modified_ns: int | None) -> datetime | None:
    """Return a file's time in UTC, to the microsecond."""
    return None if modified_ns is None else _EPOCH + timedelta(microseconds=modified_ns // 1000)

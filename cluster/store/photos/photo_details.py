"""Reads one photo in detail: its files, its duplicates and similar photos, and its people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.identity.faces import BoundingBox
from cluster.core.identity.people import TAG_CHARACTERS
from cluster.core.pictures.placements import turn_within

# `duplicates` are the photos that this one represents.
_PHOTO = text(
    f"""
    SELECT i.id, i.width, i.height, i.taken_at, i.duration_s, i.missing_since,
        i.duplicate_of, i.similar_to,
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
    FROM file WHERE image_id = :id ORDER BY superseded, missing_since NULLS FIRST, companion, id
    """
)
# A duplicate has the faces of its representative, in the representative's pixels.
_FACES = text(
    """
    SELECT f.id, coalesce(f.verdict = 'stranger', false) AS is_stranger, f.box_left, f.box_top,
        f.box_right, f.box_bottom, f.time_s, p.id AS person_id, p.name, p.birth_date,
        r.width, r.height, i.width::float8 / nullif(r.width, 0) AS scale,
        r.orientation AS before, i.orientation AS after,
        i.content = r.content AND i.orientation <> r.orientation AS is_turned
    FROM image i JOIN image r ON r.id = coalesce(i.duplicate_of, i.id)
        JOIN face f ON f.image_id = r.id LEFT JOIN person p ON p.id = f.person_id
    WHERE i.id = :id AND f.pack = :pack AND p.hidden IS NOT TRUE
        AND coalesce(f.verdict, 'stranger') = 'stranger'
    ORDER BY f.time_s, f.id
    """
)

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFile:
    """A place where a photo is, or was; `superseded` if another picture replaced it there.

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
        """True if the photo was there when the file was last looked for."""
        return self.missing_since is None and not self.superseded


@dataclass(frozen=True, slots=True)
class PhotoFace:
    """A face in a photo; the person of an ungrouped face and of a stranger is None.

    `box` is in upright pixels of this photo, which may be a duplicate. In a film, it is seen at
    `time_s`.
    """

    id: int
    person_id: int | None
    is_stranger: bool
    box: BoundingBox
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class PhotoPerson:
    """A person in a photo, with the ids of this person's faces there."""

    id: int
    name: str | None
    birth_date: date | None
    face_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoInfo:
    """A photo: `width` and `height` are those of the upright picture, in pixels.

    Only a film has a `duration_s`.

    `duplicate_of` represents this photo, and this photo represents its `duplicates`. `similar_to`
    and `similar` are photos that look alike but are not the same. A duplicate has the faces of its
    representative.
    """

    id: int
    width: int
    height: int
    taken_at: datetime | None
    duration_s: float | None
    missing_since: datetime | None
    duplicate_of: int | None
    duplicates: tuple[int, ...]
    similar_to: int | None
    similar: tuple[int, ...]
    thumbnail_tag: str
    files: tuple[PhotoFile, ...]
    people: tuple[PhotoPerson, ...]
    faces: tuple[PhotoFace, ...]


def get_photo(db: Session, image_id: int, *, pack: str) -> PhotoInfo:
    """Return a photo with its faces and people of `pack`. Raises NotFound.

    Hidden people, hidden faces, and faces marked as not a face are left out.
    """
    row = db.execute(_PHOTO, {"id": image_id}).one_or_none()
    if row is None:
        raise NotFound("photo", image_id)
    faces = db.execute(_FACES, {"id": image_id, "pack": pack}).all()
    return PhotoInfo(
        id=row.id,
        width=row.width,
        height=row.height,
        taken_at=row.taken_at,
        duration_s=row.duration_s,
        missing_since=row.missing_since,
        duplicate_of=row.duplicate_of,
        duplicates=tuple(row.duplicates),
        similar_to=row.similar_to,
        similar=tuple(row.similar),
        thumbnail_tag=row.thumbnail_tag,
        files=tuple(_list_files(db, image_id)),
        people=_group_faces(faces),
        faces=tuple(
            PhotoFace(face.id, face.person_id, face.is_stranger, _place(face), face.time_s)
            for face in faces
        ),
    )


def _group_faces(faces: Sequence[Row[Any]]) -> tuple[PhotoPerson, ...]:
    """Return the people of the faces, in the order of their first faces."""
    people: dict[int, PhotoPerson] = {}
    for face in faces:
        if face.person_id is not None:
            before = people.get(face.person_id)
            ids = (*(before.face_ids if before else ()), face.id)
            people[face.person_id] = PhotoPerson(face.person_id, face.name, face.birth_date, ids)
    return tuple(people.values())


def _place(face: Row[Any]) -> BoundingBox:
    """Return the box of a face in pixels of the photo, perhaps a smaller or turned duplicate."""
    box = BoundingBox(face.box_left, face.box_top, face.box_right, face.box_bottom)
    if face.is_turned:
        placement = turn_within(face.before, face.after, face.width, face.height).placement
        return placement.place_box(box) if placement is not None else box
    return box.scaled(face.scale or 1.0)


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

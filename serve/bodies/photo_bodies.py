"""A photo as it goes over the wire."""

from __future__ import annotations

from datetime import datetime

from cluster.store.photos.photo_details import PhotoFile, PhotoInfo, PhotoPerson
from serve.bodies.people_bodies import LocalTime, preview_url, thumbnail_url
from serve.bodies.session_bodies import Body


class PhotoFileBody(Body):
    """A place where a photo lies, or lay.

    `size` is in bytes; it and `modifiedAt` are null where the storage does not say. A file is
    `superseded` when another picture has taken the place of this photo there.
    """

    file_id: int
    path: str
    size: int | None
    modified_at: datetime | None
    present: bool
    missing_since: datetime | None
    superseded: bool

    @classmethod
    def from_file(cls, file: PhotoFile) -> PhotoFileBody:
        """Return `file`."""
        return cls(
            file_id=file.id,
            path=file.path,
            size=file.size,
            modified_at=file.modified_at,
            present=file.is_present,
            missing_since=file.missing_since,
            superseded=file.superseded,
        )


class PhotoPersonBody(Body):
    """A person in a photo, with the faces in it that are this person's."""

    person_id: int
    name: str | None
    face_ids: list[int]

    @classmethod
    def from_person(cls, person: PhotoPerson) -> PhotoPersonBody:
        """Return `person`."""
        return cls(person_id=person.id, name=person.name, face_ids=list(person.face_ids))


class PhotoBody(Body):
    """A photo, upright `width` x `height` pixels; `takenAt` is the camera's local time.

    `missingSince` says that none of its files is there. `duplicateOf` stands for this photo, and
    this one for its `duplicates`; `similarTo` and `similar` look alike, and are not the same.
    """

    image_id: int
    width: int
    height: int
    taken_at: LocalTime | None
    missing_since: datetime | None
    duplicate_of: int | None
    duplicates: list[int]
    similar_to: int | None
    similar: list[int]
    files: list[PhotoFileBody]
    people: list[PhotoPersonBody]
    thumbnail_url: str
    preview_url: str

    @classmethod
    def from_photo(cls, photo: PhotoInfo) -> PhotoBody:
        """Return `photo`."""
        tag = photo.files[0].tag if photo.files else None
        return cls(
            image_id=photo.id,
            width=photo.width,
            height=photo.height,
            taken_at=photo.taken_at,
            missing_since=photo.missing_since,
            duplicate_of=photo.duplicate_of,
            duplicates=list(photo.duplicates),
            similar_to=photo.similar_to,
            similar=list(photo.similar),
            files=[PhotoFileBody.from_file(file) for file in photo.files],
            people=[PhotoPersonBody.from_person(person) for person in photo.people],
            thumbnail_url=thumbnail_url(photo.id, tag=photo.thumbnail_tag),
            preview_url=preview_url(photo.id, tag=tag),
        )

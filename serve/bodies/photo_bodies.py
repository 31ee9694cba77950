"""The JSON of a photo."""

from __future__ import annotations

from datetime import date, datetime

from cluster.store.photos.photo_details import PhotoFace, PhotoFile, PhotoInfo, PhotoPerson
from serve.bodies.people_bodies import BoxBody, LocalTime, film_url, preview_url, thumbnail_url
from serve.bodies.session_bodies import Body


class PhotoFileBody(Body):
    """A place where a photo is, or was.

    `size` is in bytes. `size` and `modifiedAt` are null if the storage does not report them. A file
    is `superseded` if another picture has replaced this photo there.
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
        """Return the body of a file."""
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
    """A person in a photo, and this person's faces in it."""

    person_id: int
    name: str | None
    birth_date: date | None
    face_ids: list[int]

    @classmethod
    def from_person(cls, person: PhotoPerson) -> PhotoPersonBody:
        """Return the body of a person in a photo."""
        return cls(
            person_id=person.id,
            name=person.name,
            birth_date=person.birth_date,
            face_ids=list(person.face_ids),
        )


class PhotoFaceBody(Body):
    """A face in a photo; `personId` is null for ungrouped faces and for strangers.

    The box is in pixels of the photo. `timeSeconds` is the time of the face in a film, and null in
    a photo.
    """

    face_id: int
    person_id: int | None
    is_stranger: bool
    box: BoxBody
    time_seconds: float | None

    @classmethod
    def from_face(cls, face: PhotoFace) -> PhotoFaceBody:
        """Return the body of a face in a photo."""
        return cls(
            face_id=face.id,
            person_id=face.person_id,
            is_stranger=face.is_stranger,
            box=BoxBody.from_box(face.box),
            time_seconds=face.time_s,
        )


class PhotoBody(Body):
    """A photo; `width` and `height` are of the upright photo, `takenAt` is the camera's local time.

    `missingSince` is set if none of its files is there. `duplicateOf` is the photo that represents
    this one; this one represents its `duplicates`. `similarTo` and `similar` are photos that look
    alike but are not duplicates. `people` and `faces` leave out hidden people, and faces with the
    verdict `not_a_face` or `hidden`.

    A film has `durationSeconds` and `filmUrl`, which are null otherwise. With an API token, the URL
    contains a ticket that is valid for 12 hours, because a player cannot send the token.
    """

    image_id: int
    width: int
    height: int
    taken_at: LocalTime | None
    duration_seconds: float | None
    missing_since: datetime | None
    duplicate_of: int | None
    duplicates: list[int]
    similar_to: int | None
    similar: list[int]
    files: list[PhotoFileBody]
    people: list[PhotoPersonBody]
    faces: list[PhotoFaceBody]
    thumbnail_url: str
    preview_url: str
    film_url: str | None

    @classmethod
    def from_photo(cls, photo: PhotoInfo, *, ticket: str | None) -> PhotoBody:
        """Return the body of a photo, with the URLs of its pictures; `ticket` plays a film."""
        tag = photo.files[0].tag if photo.files else None
        film = film_url(photo.id, tag=tag, ticket=ticket)
        return cls(
            image_id=photo.id,
            width=photo.width,
            height=photo.height,
            taken_at=photo.taken_at,
            duration_seconds=photo.duration_s,
            missing_since=photo.missing_since,
            duplicate_of=photo.duplicate_of,
            duplicates=list(photo.duplicates),
            similar_to=photo.similar_to,
            similar=list(photo.similar),
            files=[PhotoFileBody.from_file(file) for file in photo.files],
            people=[PhotoPersonBody.from_person(person) for person in photo.people],
            faces=[PhotoFaceBody.from_face(face) for face in photo.faces],
            thumbnail_url=thumbnail_url(photo.id, tag=photo.thumbnail_tag),
            preview_url=preview_url(photo.id, tag=tag),
            film_url=None if photo.duration_s is None else film,
        )

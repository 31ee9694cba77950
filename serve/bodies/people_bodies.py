"""The JSON of people and faces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from pydantic import WithJsonSchema

from cluster.core.identity.faces import BoundingBox, FaceVerdict, PhotoFaces
from cluster.core.identity.people import FaceInfo, Match, PersonSummary
from serve.bodies.session_bodies import Body

LocalTime = Annotated[
    datetime,
    # Not "date-time" of RFC 3339, which has a zone.
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$"}),
]


class PersonBody(Body):
    """A person. A change must name its `version`.

    The cover is the face that a user chose (`isCoverChosen`), or else the best one.
    """

    person_id: int
    pack: str
    name: str | None
    is_hidden: bool
    version: int
    face_count: int
    photo_count: int
    cover_face_id: int | None
    cover_url: str | None
    is_cover_chosen: bool
    birth_date: date | None

    @classmethod
    def from_person(cls, person: PersonSummary) -> PersonBody:
        """Return the body of a person, with the URL of the cover."""
        face_id = person.cover_face_id
        return cls(
            person_id=person.id,
            pack=person.pack,
            name=person.name,
            is_hidden=person.hidden,
            version=person.version,
            face_count=person.faces,
            photo_count=person.photos,
            cover_face_id=face_id,
            cover_url=None if face_id is None else crop_url(face_id, tag=person.cover_tag),
            is_cover_chosen=person.is_cover_chosen,
            birth_date=person.birth_date,
        )


class PeopleBody(Body):
    """A page of people, most photos first; `nextOffset` is the `offset` of the next page.

    Faces with a verdict count as `setAsideFaces`, not as `ungroupedFaces`.
    """

    people: list[PersonBody]
    total: int
    next_offset: int | None
    pack: str
    ungrouped_faces: int
    set_aside_faces: int


class BoxBody(Body):
    """A rectangle in pixels of the upright photo of full size."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def from_box(cls, box: BoundingBox) -> BoxBody:
        """Return the body of a box."""
        return cls(left=box.left, top=box.top, right=box.right, bottom=box.bottom)


class FaceBody(Body):
    """A face and its photo; `takenAt` is the camera's local time, without a zone.

    If the photo is a film of `durationSeconds`, the face is at `timeSeconds`. Both are null
    otherwise.
    """

    face_id: int
    image_id: int
    path: str
    person_id: int | None
    box: BoxBody
    image_width: int
    image_height: int
    score: float
    quality: float
    is_placed_by_user: bool
    verdict: FaceVerdict | None
    taken_at: LocalTime | None
    crop_url: str
    thumbnail_url: str
    preview_url: str
    duplicates: int
    time_seconds: float | None
    duration_seconds: float | None

    @classmethod
    def from_face(cls, face: FaceInfo) -> FaceBody:
        """Return the body of a face, with the URLs of its pictures."""
        return cls(
            face_id=face.id,
            image_id=face.image_id,
            path=face.path,
            person_id=face.person_id,
            box=BoxBody.from_box(face.box),
            image_width=face.width,
            image_height=face.height,
            score=face.score,
            quality=face.quality,
            is_placed_by_user=face.is_placed_by_user,
            verdict=face.verdict,
            taken_at=face.taken_at,
            crop_url=crop_url(face.id, tag=face.crop_tag),
            thumbnail_url=thumbnail_url(face.image_id, tag=face.thumbnail_tag),
            preview_url=preview_url(face.image_id, tag=face.photo_tag),
            duplicates=face.duplicates,
            time_seconds=face.time_s,
            duration_seconds=face.duration_s,
        )


class FacesBody(Body):
    """A page of faces by id; `nextAfter` is the `after` of the next page."""

    faces: list[FaceBody]
    total: int
    next_after: int | None


class MatchBody(Body):
    """A person who resembles the face; `similarity` is a cosine, at most 1."""

    person: PersonBody
    similarity: float


class FoundFaceBody(Body):
    """A face in the photo, and the people most similar to it, best first."""

    box: BoxBody
    score: float
    quality: float
    matches: list[MatchBody]


class SearchBody(Body):
    """The faces in an uploaded photo, and the width and height of the upright photo in pixels."""

    faces: list[FoundFaceBody]
    image_width: int
    image_height: int
    pack: str

    @classmethod
    def from_faces(
        cls, photo: PhotoFaces, matches: Sequence[Sequence[Match]], *, pack: str
    ) -> SearchBody:
        """Return the body of a search; `matches` has the matches of each face, in order."""
        faces = [
            FoundFaceBody(
                box=BoxBody.from_box(face.box),
                score=face.score,
                quality=face.quality,
                matches=[
                    MatchBody(person=PersonBody.from_person(m.person), similarity=m.similarity)
                    for m in of_face
                ],
            )
            for face, of_face in zip(photo.faces, matches, strict=True)
        ]
        return cls(faces=faces, image_width=photo.width, image_height=photo.height, pack=pack)


def crop_url(face_id: int, *, tag: str | None) -> str:
    """Return the URL of a face's crop; with `tag`, it changes when the crop changes."""
    return _tagged(f"/api/v1/faces/{face_id}/crop", tag)


def thumbnail_url(image_id: int, *, tag: str | None) -> str:
    """Return the URL of a photo's thumbnail; with `tag`, it changes when the thumbnail changes."""
    return _tagged(f"/api/v1/images/{image_id}/thumbnail", tag)


def preview_url(image_id: int, *, tag: str | None) -> str:
    """Return the URL of a photo's preview; with `tag`, it changes when the photo changes."""
    return _tagged(f"/api/v1/images/{image_id}/preview", tag)


def film_url(image_id: int, *, tag: str | None, ticket: str | None) -> str:
    """Return the URL of a film's file; with `ticket`, it needs no token for some hours."""
    address = _tagged(f"/api/v1/images/{image_id}/film", tag)
    if ticket is None:
        return address
    return f"{address}{'&' if tag else '?'}ticket={ticket}"


def _tagged(path: str, tag: str | None) -> str:
    return f"{path}?v={tag}" if tag else path

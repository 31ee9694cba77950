"""The JSON of a page of photos."""

from __future__ import annotations

from datetime import date

from cluster.core.identity.people import PhotoMatch
from cluster.store.photos.people_photos import ListedPhoto, PhotosPage
from serve.bodies.people_bodies import LocalTime, preview_url, thumbnail_url
from serve.bodies.session_bodies import Body


class ListedPhotoBody(Body):
    """A photo in a list; `takenAt` is the camera's local time, `duplicates` counts the duplicates.

    Only a film has `durationSeconds`; it is null otherwise. `personIds` are the ids of the
    requested people that the photo shows.
    """

    image_id: int
    path: str
    image_width: int
    image_height: int
    taken_at: LocalTime | None
    duration_seconds: float | None
    duplicates: int
    person_ids: list[int]
    thumbnail_url: str
    preview_url: str

    @classmethod
    def from_photo(cls, photo: ListedPhoto) -> ListedPhotoBody:
        """Return the body of a photo, with the URLs of its pictures."""
        return cls(
            image_id=photo.id,
            path=photo.path,
            image_width=photo.width,
            image_height=photo.height,
            taken_at=photo.taken_at,
            duration_seconds=photo.duration_s,
            duplicates=photo.duplicates,
            person_ids=list(photo.person_ids),
            thumbnail_url=thumbnail_url(photo.id, tag=photo.thumbnail_tag),
            preview_url=preview_url(photo.id, tag=photo.tag),
        )


class SoughtPersonBody(Body):
    """A person whose photos were requested."""

    person_id: int
    name: str | None
    birth_date: date | None


class PhotosBody(Body):
    """A page of the photos of people, newest first; `nextOffset` is the `offset` of the next page.

    `total` counts the photos, `photoCount` counts their duplicates too, as `photoCount` of a person
    does.
    """

    photos: list[ListedPhotoBody]
    total: int
    photo_count: int
    next_offset: int | None
    pack: str
    match: PhotoMatch
    people: list[SoughtPersonBody]

    @classmethod
    def from_page(cls, page: PhotosPage, *, match: PhotoMatch, offset: int) -> PhotosBody:
        """Return the body of the page that begins at `offset`."""
        seen = offset + len(page.photos)
        people = [
            SoughtPersonBody(person_id=one.id, name=one.name, birth_date=one.birth_date)
            for one in page.people
        ]
        return cls(
            photos=[ListedPhotoBody.from_photo(photo) for photo in page.photos],
            total=page.total,
            photo_count=page.photo_count,
            next_offset=seen if page.photos and seen < page.total else None,
            pack=page.pack,
            match=match,
            people=people,
        )

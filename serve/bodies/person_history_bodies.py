"""The JSON of a person's photos in time."""

from __future__ import annotations

from cluster.store.photos.person_history import Companion, PersonHistory
from serve.bodies.people_bodies import LocalTime, crop_url
from serve.bodies.session_bodies import Body


class YearBody(Body):
    """A year with photos of the person, and their number."""

    year: int
    photo_count: int


class CompanionBody(Body):
    """Another person, and the number of photos that show both."""

    person_id: int
    name: str | None
    photo_count: int
    cover_url: str | None

    @classmethod
    def from_companion(cls, companion: Companion) -> CompanionBody:
        """Return the body of a companion, with the URL of the cover."""
        face_id = companion.cover_face_id
        return cls(
            person_id=companion.id,
            name=companion.name,
            photo_count=companion.photos,
            cover_url=None if face_id is None else crop_url(face_id, tag=companion.cover_tag),
        )


class PersonHistoryBody(Body):
    """A person's photos in time; `years` are in order.

    `undated` photos have no time, or that of a camera whose clock was never set. `together` lists
    the people who share most photos with the person, at most five. Photos are counted as in
    `photoCount` of the person.
    """

    years: list[YearBody]
    undated: int
    first_taken_at: LocalTime | None
    last_taken_at: LocalTime | None
    together: list[CompanionBody]

    @classmethod
    def from_history(cls, history: PersonHistory) -> PersonHistoryBody:
        """Return the body of a history."""
        return cls(
            years=[YearBody(year=one.year, photo_count=one.photos) for one in history.years],
            undated=history.undated,
            first_taken_at=history.first_taken_at,
            last_taken_at=history.last_taken_at,
            together=[CompanionBody.from_companion(one) for one in history.companions],
        )

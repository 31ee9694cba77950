"""People and their faces as values, and the rule that decides whether two names are the same."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cluster.core.identity.faces import BoundingBox, FaceVerdict

MAX_NAME_CHARACTERS = 200
TAG_CHARACTERS = 12
"""Hexadecimal digits of a picture's SHA-256 in its URL, so that a changed picture has another
URL."""


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """One person of a pack; `photos` include duplicates, which share a photo's faces.

    `version` rises with each change that a user makes. `cover_face_id` is the face that a user
    chose, or else the best one (cluster/store/people/covers.py); None for a person without faces.
    `cover_tag` begins the digest of its crop.
    """

    id: int
    pack: str
    name: str | None
    hidden: bool
    version: int
    faces: int
    photos: int
    cover_face_id: int | None
    cover_tag: str | None
    is_cover_chosen: bool
    birth_date: date | None


@dataclass(frozen=True, slots=True)
class PeopleChange:
    """The changes that a grouping made to the existing people.

    `gained` are people with new faces. `lost` are people who had faces before and have none any
    more, even if their name is kept. `split` are people whose faces now belong to two people or
    more, at least one of them new; faces that became ungrouped do not count.
    """

    gained: int = 0
    lost: int = 0
    split: int = 0


class PhotoMatch(StrEnum):
    """Selects photos of several people: with all of them, with any of them, or with only them."""

    ALL = "all"
    ANY = "any"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Match:
    """A person that resembles a searched face; `similarity` is a cosine, -1 to 1."""

    person: PersonSummary
    similarity: float


@dataclass(frozen=True, slots=True)
class FaceInfo:
    """One face and the photo that it is in; `duplicates` counts the photo's duplicates.

    `box` is in pixels of the upright photo of full size, `width` x `height`. `taken_at` is local
    time without a zone. The tags are the beginnings of the digests of thumbnail, photo and crop. In
    a film of `duration_s`, the face is seen at `time_s`.
    """

    id: int
    image_id: int
    path: str
    person_id: int | None
    box: BoundingBox
    width: int
    height: int
    score: float
    quality: float
    is_placed_by_user: bool
    verdict: FaceVerdict | None
    taken_at: datetime | None
    thumbnail_tag: str | None
    photo_tag: str | None
    crop_tag: str
    duplicates: int
    time_s: float | None = None
    duration_s: float | None = None


def fold_name(name: str) -> str:
    """Return the form in which names are compared: case, Unicode form and spaces are ignored."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()

"""People and their faces as values, and when two names are the same."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from cluster.core.faces import BoundingBox

MAX_NAME_CHARACTERS = 200
TAG_CHARACTERS = 12
"""So much of a picture's SHA-256, in hexadecimal, tells it from what had its address before."""


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """One person of a pack; `photos` include duplicates, which share a photo's faces.

    `version` rises with each change that a user makes. `cover_face_id` is the face of best quality,
    None for a person without faces; `cover_tag` begins the digest of its crop.
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


@dataclass(frozen=True, slots=True)
class Match:
    """A person who looks like a face; `similarity` is a cosine, -1 to 1."""

    person: PersonSummary
    similarity: float


@dataclass(frozen=True, slots=True)
class FaceInfo:
    """One face and the photo that it is in; the photo has so many `duplicates`.

    `box` is in pixels of the upright photo of full size, `width` x `height`. `taken_at` is local
    time without a zone. The tags begin the digests of the two pictures.
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
    taken_at: datetime | None
    thumbnail_tag: str | None
    photo_tag: str | None
    crop_tag: str
    duplicates: int


def fold_name(name: str) -> str:
    """Return what two names must share to be the same: case, accents' coding, spaces aside."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()

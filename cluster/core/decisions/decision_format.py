"""The format of exported decisions: its name, its version, and its sections.

docs/decisions.md describes it, and docs/decisions.schema.json is its JSON Schema.
"""

from __future__ import annotations

from enum import StrEnum

FORMAT = "headcount-decisions"
SCHEMA_VERSION = 1
"""Increased with each change that an older reader would misread."""

FRACTION_DIGITS = 6
"""Decimals of a box in fractions of its picture: a hundredth of a pixel in a side of 10,000."""


class Section(StrEnum):
    """The lists of an export, in their order in the file.

    A list refers only to earlier lists, except for the cover of a person, which is a face.
    """

    PHOTOS = "photos"
    PEOPLE = "people"
    FACES = "faces"
    ERASED = "erased"
    ANSWERS = "answers"


class PlacedBy(StrEnum):
    """Who placed a face with its person: a user, or grouping."""

    USER = "user"
    GROUPING = "grouping"


class DecisionKind(StrEnum):
    """The subject of a kept decision; a region is a named place in XMP."""

    PERSON = "person"
    FACE = "face"
    ERASED = "erased"
    ANSWER = "answer"
    REGION = "region"


class LeftReason(StrEnum):
    """Why a decision could not be placed.

    PHOTO_ABSENT: no photo here is its photo. NO_FACE: the photo is here, and has no face in that
    place. PLACED_HERE: a user of this library placed the face elsewhere. NAMED_HERE: the person has
    another name here. ATTRIBUTES_HERE: the person has another birth date or cover here. KEPT_HERE:
    the face was erased, and belongs here to a person with a name, or was placed by a user.
    ERASED_HERE: the face was erased here; such a decision is not kept.
    """

    PHOTO_ABSENT = "photo_absent"
    NO_FACE = "no_face"
    PLACED_HERE = "placed_here"
    NAMED_HERE = "named_here"
    ATTRIBUTES_HERE = "attributes_here"
    KEPT_HERE = "kept_here"
    ERASED_HERE = "erased_here"

    @property
    def sentence(self) -> str:
        """The reason in words for users."""
        return _SENTENCES[self]


_SENTENCES = {
    LeftReason.PHOTO_ABSENT: "The photo is not in this library.",
    LeftReason.NO_FACE: "No face was found in that place of the photo.",
    LeftReason.PLACED_HERE: "A user of this library placed the face elsewhere.",
    LeftReason.NAMED_HERE: "The person has another name in this library.",
    LeftReason.ATTRIBUTES_HERE: "The person has another birth date or cover in this library.",
    LeftReason.KEPT_HERE: "The face was erased there, and belongs to somebody in this library.",
    LeftReason.ERASED_HERE: "The face was erased in this library.",
}

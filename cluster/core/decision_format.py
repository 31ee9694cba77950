"""The format of exported decisions: its name, its version, and its sections.

docs/decisions.md describes it, and docs/decisions.schema.json is its JSON Schema.
"""

from __future__ import annotations

from enum import StrEnum

FORMAT = "headcount-decisions"
SCHEMA_VERSION = 1
"""Raised with each change that an older reader would misread."""

FRACTION_DIGITS = 6
"""The decimals of a box as fractions of its picture: a hundredth of a pixel in 10,000."""


class Section(StrEnum):
    """The lists of an export, in their order in the file: each refers only to earlier ones.

    Only the cover of a person refers to a later one, to a face.
    """

    PHOTOS = "photos"
    PEOPLE = "people"
    FACES = "faces"
    ERASED = "erased"
    ANSWERS = "answers"


class PlacedBy(StrEnum):
    """What put a face where it is: a user, or grouping."""

    USER = "user"
    GROUPING = "grouping"

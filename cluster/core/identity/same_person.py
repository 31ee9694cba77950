"""Suggestions that two faces are the same person, and the answers of users, as values.

A suggestion has two sides. A side is a person, shown by one of its faces, or an ungrouped face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cluster.core.identity.changes import Answer
from cluster.core.identity.people import FaceInfo, PersonSummary

AnsweredSides = frozenset[frozenset[int]]
"""Pairs of sides. The code of a side is the id of its person, or minus the id of its face."""


class SuggestionKind(StrEnum):
    """The two sides of a suggestion.

    PEOPLE: two people. PLACE: an ungrouped face and a person. PAIR: two ungrouped faces, of a
    person who has too few faces to be found.
    """

    PEOPLE = "people"
    PLACE = "place"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two faces that represent their sides, and the likeness of the sides.

    `similarity` is the cosine of the sides' vectors. `likelihood`, 0 to 1, is the share of such
    questions that is answered yes.
    """

    first_face_id: int
    second_face_id: int
    similarity: float
    likelihood: float


@dataclass(frozen=True, slots=True)
class Companion:
    """Another person in the photo of a side; the name is optional."""

    person_id: int
    name: str | None


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a suggestion as users see it: a face, its person, and the others in its photo.

    `person` is None for an ungrouped face.
    """

    face: FaceInfo
    person: PersonSummary | None
    companions: tuple[Companion, ...]


@dataclass(frozen=True, slots=True)
class SamePerson:
    """A suggestion as users see it."""

    likeness: Likeness
    first: Side
    second: Side

    @property
    def kind(self) -> SuggestionKind:
        """The kind of the suggestion, by its two sides."""
        people = sum(side.person is not None for side in (self.first, self.second))
        return (SuggestionKind.PAIR, SuggestionKind.PLACE, SuggestionKind.PEOPLE)[people]

    @property
    def settles(self) -> int:
        """The number of faces that a yes assigns: those of the smaller side."""
        return min(
            1 if side.person is None else side.person.faces for side in (self.first, self.second)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """A user's answer about two faces and their people.

    `versions` are the versions of the people that the client saw; with None, they are not checked.
    `keep_name` chooses the name when a yes merges two people with different names.
    """

    first_face_id: int
    second_face_id: int
    answer: Answer
    versions: Mapping[int, int] | None = None
    keep_name: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The people of both sides after an answer, and the change, which can be undone."""

    people: tuple[PersonSummary, ...]
    change_id: int

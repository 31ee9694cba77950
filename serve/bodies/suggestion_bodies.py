"""The JSON of suggestions that two faces are the same person, and of the answers."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from cluster.core.identity.changes import Answer
from cluster.core.identity.same_person import (
    Answered,
    GivenAnswer,
    SamePerson,
    Side,
    SuggestionKind,
)
from serve.bodies.people_bodies import FaceBody, PersonBody
from serve.bodies.people_change_bodies import BigId, Name, Version
from serve.bodies.session_bodies import Body


class BesideBody(Body):
    """Another person in a photo."""

    person_id: int
    name: str | None


class SideBody(Body):
    """One side of a suggestion: a face and its person, null for an ungrouped face.

    `companions` are the other people in the photo of the face.
    """

    face: FaceBody
    person: PersonBody | None
    companions: list[BesideBody]

    @classmethod
    def from_side(cls, side: Side) -> SideBody:
        """Return the body of a side."""
        return cls(
            face=FaceBody.from_face(side.face),
            person=None if side.person is None else PersonBody.from_person(side.person),
            companions=[
                BesideBody(person_id=one.person_id, name=one.name) for one in side.companions
            ],
        )


class SuggestionBody(Body):
    """Two sides that may be the same person.

    `similarity` is the cosine of the two sides, `likelihood` the expected share of yes among such
    suggestions, both in percent. `settles` is the number of faces that a yes settles. An answer
    names the two faces, and the `version` of each person.
    """

    kind: SuggestionKind
    first: SideBody
    second: SideBody
    similarity: int
    likelihood: int
    settles: int

    @classmethod
    def from_suggestion(cls, one: SamePerson) -> SuggestionBody:
        """Return the body of a suggestion."""
        return cls(
            kind=one.kind,
            first=SideBody.from_side(one.first),
            second=SideBody.from_side(one.second),
            similarity=round(100 * one.likeness.similarity),
            likelihood=round(100 * one.likeness.likelihood),
            settles=one.settles,
        )


class SuggestionsBody(Body):
    """The most useful open suggestions, best first; `total` counts all open ones that are known.

    `isPreparing` is true while the first suggestions of a large library are computed: try again.
    """

    suggestions: list[SuggestionBody]
    total: int
    is_preparing: bool
    pack: str


class AnswerBody(Body):
    """The answer to a suggestion. `versions` has the version of each person that you saw.

    Without `versions`, the answer holds for the people as they are. When a yes merges two people
    with different names, `keepName` says which name stays.
    """

    model_config = ConfigDict(extra="forbid")

    first_face_id: BigId
    second_face_id: BigId
    answer: Answer
    versions: dict[BigId, Version] | None = Field(None, max_length=2)
    keep_name: Name | None = None

    def to_answer(self) -> GivenAnswer:
        """Return the answer as the store records it."""
        return GivenAnswer(
            first_face_id=self.first_face_id,
            second_face_id=self.second_face_id,
            answer=self.answer,
            versions=self.versions,
            keep_name=self.keep_name,
        )


class AnsweredBody(Body):
    """The people of both sides after an answer; only one after a yes. `changeId` can be undone."""

    people: list[PersonBody]
    change_id: int

    @classmethod
    def from_answered(cls, answered: Answered) -> AnsweredBody:
        """Return the body of what an answer changed."""
        people = [PersonBody.from_person(person) for person in answered.people]
        return cls(people=people, change_id=answered.change_id)

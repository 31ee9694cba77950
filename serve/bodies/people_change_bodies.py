"""Changes to people as they are asked for and answered."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictBool

from cluster.core.changes import Changed, ChangeKind, Elsewhere, LastChange, Moved, PersonEdit
from cluster.core.people import MAX_NAME_CHARACTERS
from serve.bodies.people_bodies import PersonBody
from serve.bodies.session_bodies import Body

MAX_IDS = 5000
"""More faces or people than anybody picks; so many ids fit into the body of a request."""

BigId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Version = Annotated[int, Field(ge=1, le=2**63 - 1, description="the version that you saw")]
FaceIds = Annotated[list[BigId], Field(min_length=1, max_length=MAX_IDS)]


def _tidy(name: str) -> str:
    """Return a name without space around it; refuse what no name has."""
    tidied = name.strip()
    if not 1 <= len(tidied) <= MAX_NAME_CHARACTERS:
        raise ValueError(f"a name has 1 to {MAX_NAME_CHARACTERS} characters")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in tidied):
        raise ValueError("control characters and lone surrogates cannot be used")
    return tidied


Name = Annotated[str, AfterValidator(_tidy)]


class EditBody(Body):
    """What is to become of a person; a name of null takes it away, what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    is_hidden: StrictBool | None = None
    version: Version

    def to_edit(self) -> PersonEdit:
        """Return the change; a name that is left out and one that is null are different."""
        return PersonEdit(
            sets_name="name" in self.model_fields_set, name=self.name, hidden=self.is_hidden
        )


class MergeBody(Body):
    """Who is the same person too; `versions` has the version of each, the kept one included."""

    model_config = ConfigDict(extra="forbid")

    other_ids: list[BigId] = Field(min_length=1, max_length=MAX_IDS)
    versions: dict[BigId, Version] = Field(max_length=MAX_IDS + 1)


class PlaceBody(Body):
    """Faces of nobody, and whose they are; null makes a new person."""

    model_config = ConfigDict(extra="forbid")

    face_ids: FaceIds
    to_person_id: BigId | None = None

    @property
    def target(self) -> int | Elsewhere:
        """Where the faces go."""
        return self.to_person_id or Elsewhere.NEW


class SplitBody(Body):
    """Faces that are not this person's, and whose they are; null makes a new person."""

    model_config = ConfigDict(extra="forbid")

    face_ids: FaceIds
    to_person_id: BigId | Literal["nobody"] | None = None
    version: Version

    @property
    def target(self) -> int | Elsewhere:
        """Where the faces go."""
        if self.to_person_id == "nobody":
            return Elsewhere.UNGROUPED
        return self.to_person_id or Elsewhere.NEW


class ChangedBody(Body):
    """The person as it is now; `changeId`, null when nothing was different, can be undone."""

    person: PersonBody
    change_id: int | None

    @classmethod
    def from_change(cls, changed: Changed) -> ChangedBody:
        """Return what came of naming, hiding or merging."""
        return cls(person=PersonBody.from_person(changed.person), change_id=changed.change_id)


class MovedBody(Body):
    """Whose the faces were, null for nobody or when it became empty and went; whose they are."""

    person: PersonBody | None
    target: PersonBody | None
    change_id: int

    @classmethod
    def from_move(cls, moved: Moved) -> MovedBody:
        """Return what came of moving faces."""
        person, target = (
            None if one is None else PersonBody.from_person(one)
            for one in (moved.source, moved.target)
        )
        return cls(person=person, target=target, change_id=moved.change_id)


class UndoneBody(Body):
    """Everybody whom the undo touched and who is there now."""

    people: list[PersonBody]
    change_id: int


class LastChangeBody(Body):
    """The newest change to the people of a pack, told in a sentence."""

    change_id: int
    kind: ChangeKind
    summary: str
    can_undo: bool
    created_at: datetime

    @classmethod
    def from_change(cls, change: LastChange) -> LastChangeBody:
        """Return `change`."""
        return cls(
            change_id=change.id,
            kind=change.kind,
            summary=change.summary,
            can_undo=change.can_undo,
            created_at=change.created_at,
        )

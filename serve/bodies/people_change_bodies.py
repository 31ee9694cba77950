"""The JSON of changes to people: requests and answers."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
)

from cluster.core.identity.ages import EARLIEST_BIRTH
from cluster.core.identity.changes import (
    Changed,
    ChangeKind,
    Elsewhere,
    Moved,
    PastChange,
    PersonEdit,
)
from cluster.core.identity.people import MAX_NAME_CHARACTERS
from serve.bodies.people_bodies import PersonBody
from serve.bodies.session_bodies import Body

MAX_IDS = 5000
"""The most faces or people in one request. This many ids fit into its body."""

BigId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Version = Annotated[int, Field(ge=1, le=2**63 - 1, description="the version that you saw")]
FaceIds = Annotated[list[BigId], Field(min_length=1, max_length=MAX_IDS)]


def _tidy(name: str) -> str:
    """Return a name without surrounding space. Raises ValueError for an invalid name."""
    tidied = name.strip()
    if not 1 <= len(tidied) <= MAX_NAME_CHARACTERS:
        raise ValueError(f"a name has 1 to {MAX_NAME_CHARACTERS} characters")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in tidied):
        raise ValueError("control characters and lone surrogates cannot be used")
    return tidied


Name = Annotated[str, AfterValidator(_tidy)]


def _read_date(value: object) -> date:
    """Return a day that is written YYYY-MM-DD. Raises ValueError for any other value."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise ValueError("a date is written YYYY-MM-DD")
    found = date.fromisoformat(value)
    if found < EARLIEST_BIRTH:
        raise ValueError(f"a birth date must not be before {EARLIEST_BIRTH}")
    return found


BirthDate = Annotated[
    date, BeforeValidator(_read_date), WithJsonSchema({"type": "string", "format": "date"})
]


class EditBody(Body):
    """A change to a person. Null removes a name or birth date; omitted fields stay as they are.

    With a birth date (1800 or later, not in the future), the faces in photos of earlier days leave
    the person, except those that a user placed.
    """

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    is_hidden: StrictBool | None = None
    birth_date: BirthDate | None = None
    version: Version

    def to_edit(self) -> PersonEdit:
        """Return the change. An omitted field is not the same as null, which removes a value."""
        edit = PersonEdit.hiding(self.is_hidden)
        if "name" in self.model_fields_set:
            edit = PersonEdit.renaming(self.name, hidden=self.is_hidden)
        has_date = "birth_date" in self.model_fields_set
        return edit.with_birth_date(self.birth_date) if has_date else edit


class CoverBody(Body):
    """The face that becomes the cover of a person; null chooses the best face again."""

    model_config = ConfigDict(extra="forbid")

    face_id: BigId | None
    version: Version


class HideBody(Body):
    """The people to hide, or to show again; `versions` has the version of each."""

    model_config = ConfigDict(extra="forbid")

    versions: dict[BigId, Version] = Field(min_length=1, max_length=MAX_IDS)
    is_hidden: StrictBool


class HiddenBody(Body):
    """The people after they were hidden or shown. `changeId` is null if nothing changed."""

    people: list[PersonBody]
    change_id: int | None


class MergeBody(Body):
    """The people to merge into a person; `versions` has the version of each, and of that person."""

    model_config = ConfigDict(extra="forbid")

    other_ids: list[BigId] = Field(min_length=1, max_length=MAX_IDS)
    versions: dict[BigId, Version] = Field(max_length=MAX_IDS + 1)


class PlaceBody(Body):
    """Ungrouped faces and the person to move them to; null makes a new person."""

    model_config = ConfigDict(extra="forbid")

    face_ids: FaceIds
    to_person_id: BigId | None = None

    @property
    def target(self) -> int | Elsewhere:
        """The id of the person to move the faces to, or NEW."""
        return self.to_person_id or Elsewhere.NEW


class SplitBody(Body):
    """Faces to move away from a person, and the person to move them to.

    null makes a new person; "nobody" leaves them ungrouped.
    """

    model_config = ConfigDict(extra="forbid")

    face_ids: FaceIds
    to_person_id: BigId | Literal["nobody"] | None = None
    version: Version

    @property
    def target(self) -> int | Elsewhere:
        """The id of the person to move the faces to, or NEW or UNGROUPED."""
        if self.to_person_id == "nobody":
            return Elsewhere.UNGROUPED
        return self.to_person_id or Elsewhere.NEW


class ChangedBody(Body):
    """The person after a change. `changeId` can be undone; it is null if nothing changed."""

    person: PersonBody
    change_id: int | None

    @classmethod
    def from_change(cls, changed: Changed) -> ChangedBody:
        """Return the body after naming, hiding or merging."""
        return cls(person=PersonBody.from_person(changed.person), change_id=changed.change_id)


class MovedBody(Body):
    """The `person` that the faces belonged to, and the `target` that they belong to now.

    `person` is null if the faces were ungrouped, or if that person has no face left and is gone.
    `target` is null if the faces are ungrouped now.
    """

    person: PersonBody | None
    target: PersonBody | None
    change_id: int

    @classmethod
    def from_move(cls, moved: Moved) -> MovedBody:
        """Return the body after moving faces."""
        person, target = (
            None if one is None else PersonBody.from_person(one)
            for one in (moved.source, moved.target)
        )
        return cls(person=person, target=target, change_id=moved.change_id)


class PastChangeBody(Body):
    """A change to the people of a pack; `summary` describes it in a sentence.

    `canUndo` is true only for the newest change that is not undone.
    """

    change_id: int
    kind: ChangeKind
    summary: str
    can_undo: bool
    created_at: datetime
    undone_at: datetime | None

    @classmethod
    def from_change(cls, change: PastChange) -> PastChangeBody:
        """Return the body of a change."""
        return cls(
            change_id=change.id,
            kind=change.kind,
            summary=change.summary,
            can_undo=change.can_undo,
            created_at=change.created_at,
            undone_at=change.undone_at,
        )


class PastChangesBody(Body):
    """The changes to the people of a pack, undone ones too, the newest first."""

    changes: list[PastChangeBody]


class UndoneBody(Body):
    """The people that the undo changed or restored, except those that it removed.

    `summary` describes the change that was undone. `next` is the change that can be undone next.
    """

    people: list[PersonBody]
    change_id: int
    summary: str
    next: PastChangeBody | None

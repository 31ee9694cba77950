"""What a user wants to change about people, what came of it, and how the last change is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cluster.core.people import PersonSummary


class ChangeKind(StrEnum):
    """What a user did to people; an undo is a change too, but cannot be undone."""

    RENAME = "rename"
    HIDE = "hide"
    MERGE = "merge"
    MOVE = "move"
    UNDO = "undo"


class Elsewhere(StrEnum):
    """Where faces can go that is no person yet."""

    NEW = "new"
    UNGROUPED = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEdit:
    """What is to become of one person, by the `kind` of change that a user asks for.

    RENAME gives the `name`, None takes it away; HIDE leaves the name alone. `hidden` None leaves
    that alone; a RENAME may set it as well.
    """

    kind: ChangeKind
    name: str | None = None
    hidden: bool | None = None

    @classmethod
    def renaming(cls, name: str | None, *, hidden: bool | None = None) -> PersonEdit:
        """Return the change of a name."""
        return cls(kind=ChangeKind.RENAME, name=name, hidden=hidden)

    @classmethod
    def hiding(cls, hidden: bool | None) -> PersonEdit:
        """Return the change of whether a person is shown; None changes nothing."""
        return cls(kind=ChangeKind.HIDE, hidden=hidden)


@dataclass(frozen=True, slots=True)
class Changed:
    """The person as it is after a change; `change_id` is None when nothing was different."""

    person: PersonSummary
    change_id: int | None


@dataclass(frozen=True, slots=True)
class Moved:
    """Faces that were moved from `source` to `target`; None for nobody.

    A source that became empty went, and is None too.
    """

    source: PersonSummary | None
    target: PersonSummary | None
    change_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChange:
    """The newest change to the people of a pack.

    `who` names the person that it left, None for nobody; `name_before` and `name`, `hidden` are
    that person's; `people` and `faces` are how many were changed.
    """

    id: int
    kind: ChangeKind
    created_at: datetime
    who: str | None
    name_before: str | None
    name: str | None
    hidden: bool
    people: int
    faces: int

    @property
    def can_undo(self) -> bool:
        """Everything can be undone, once."""
        return self.kind is not ChangeKind.UNDO

    @property
    def summary(self) -> str:
        """Say what was done, for a person to read."""
        if self.kind is ChangeKind.RENAME and self.name != self.name_before:
            return self._tell_rename()
        if self.kind in (ChangeKind.RENAME, ChangeKind.HIDE):
            return f"Hid {self.who}" if self.hidden else f"Showed {self.who} again"
        if self.kind is ChangeKind.MERGE:
            return f"Merged {_count(self.people - 1, 'person', 'people')} into {self.who}"
        if self.kind is ChangeKind.MOVE:
            return f"Moved {_count(self.faces, 'face', 'faces')} to {self.who or 'nobody'}"
        return "Undid a change"

    def _tell_rename(self) -> str:
        if self.name is None:
            return f"Took the name {self.name_before} away"
        if self.name_before is None:
            return f"Named {self.name}"
        return f"Renamed {self.name_before} to {self.name}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"

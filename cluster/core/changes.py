"""Changes of users to people as values: requests, results, and the summary of the last change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from cluster.core.people import PersonSummary


class ChangeKind(StrEnum):
    """The kinds of changes to people. An undo is a change too, but cannot be undone."""

    RENAME = "rename"
    HIDE = "hide"
    MERGE = "merge"
    MOVE = "move"
    VERDICT = "verdict"
    ANSWER = "answer"
    COVER = "cover"
    BIRTH_DATE = "birth_date"
    UNDO = "undo"


class FaceVerdict(StrEnum):
    """What a user says about a face that belongs to no person.

    NOT_A_FACE: a statue, a poster, a pattern, or too blurry. STRANGER: never suggested. HIDDEN:
    shown nowhere. Such a face is in no group.
    """

    NOT_A_FACE = "not_a_face"
    STRANGER = "stranger"
    HIDDEN = "hidden"


class Answer(StrEnum):
    """A user's answer to the question whether two faces are the same person."""

    YES = "yes"
    NO = "no"
    NOT_SURE = "not_sure"


class Elsewhere(StrEnum):
    """The targets of moved faces that are not existing people."""

    NEW = "new"
    UNGROUPED = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEdit:
    """A requested change of one person.

    RENAME sets the `name`, or removes it when `name` is None; HIDE does not change the name. Both
    kinds set `hidden` unless it is None. With `sets_birth_date`, the birth date becomes
    `birth_date`, and is removed when that is None.
    """

    kind: ChangeKind
    name: str | None = None
    hidden: bool | None = None
    sets_birth_date: bool = False
    birth_date: date | None = None

    @classmethod
    def renaming(cls, name: str | None, *, hidden: bool | None = None) -> PersonEdit:
        """Return a change that sets the name, or removes it when `name` is None."""
        return cls(kind=ChangeKind.RENAME, name=name, hidden=hidden)

    @classmethod
    def hiding(cls, hidden: bool | None) -> PersonEdit:
        """Return a change that hides or shows a person; None changes nothing."""
        return cls(kind=ChangeKind.HIDE, hidden=hidden)

    def with_birth_date(self, birth_date: date | None) -> PersonEdit:
        """Return the same change, which also sets the birth date, or removes it when None."""
        return replace(self, sets_birth_date=True, birth_date=birth_date)


@dataclass(frozen=True, slots=True)
class Changed:
    """The person after a change; `change_id` is None when the change had no effect."""

    person: PersonSummary
    change_id: int | None


@dataclass(frozen=True, slots=True)
class Moved:
    """The people after faces were moved from `source` to `target`.

    A person is None when the faces were, or became, ungrouped. `source` is also None when it was
    deleted because it had no face left.
    """

    source: PersonSummary | None
    target: PersonSummary | None
    change_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChange:
    """The newest change to the people of a pack.

    `person_name` names the person that the change left, None when faces became ungrouped.
    `name_before`, `name` and `hidden` are those of that person. `people` and `faces` count how many
    were changed.
    """

    id: int
    kind: ChangeKind
    created_at: datetime
    person_name: str | None
    name_before: str | None
    name: str | None
    hidden: bool
    people: int
    faces: int

    @property
    def can_undo(self) -> bool:
        """Every change can be undone, except an undo."""
        return self.kind is not ChangeKind.UNDO

    @property
    def summary(self) -> str:
        """The change in words for users."""
        if self.kind is ChangeKind.RENAME and self.name != self.name_before:
            return self._tell_rename()
        if self.kind in (ChangeKind.RENAME, ChangeKind.HIDE):
            person = self.person_name
            return f"Hid {person}" if self.hidden else f"Showed {person} again"
        if self.kind is ChangeKind.MERGE:
            return f"Merged {_count(self.people - 1, 'person', 'people')} into {self.person_name}"
        if self.kind is ChangeKind.MOVE:
            return self._tell_move()
        if self.kind is ChangeKind.COVER:
            return f"Changed the cover of {self.person_name}"
        if self.kind is ChangeKind.BIRTH_DATE:
            return f"Changed the birth date of {self.person_name}"
        return "Undid a change"

    def _tell_move(self) -> str:
        faces = _count(self.faces, "face", "faces")
        return f"Moved {faces} to {self.person_name}" if self.person_name else f"Ungrouped {faces}"

    def _tell_rename(self) -> str:
        if self.name is None:
            return f"Removed the name {self.name_before}"
        if self.name_before is None:
            return f"Named {self.name}"
        return f"Renamed {self.name_before} to {self.name}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"

"""Changes that users make to people, as values: requests, results, and past changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from cluster.core.identity.faces import FaceVerdict
from cluster.core.identity.people import PersonSummary


class ChangeKind(StrEnum):
    """The kinds of changes to people.

    Only logs of earlier versions hold an UNDO, which cannot be undone.
    """

    RENAME = "rename"
    HIDE = "hide"
    MERGE = "merge"
    MOVE = "move"
    VERDICT = "verdict"
    ANSWER = "answer"
    COVER = "cover"
    BIRTH_DATE = "birth_date"
    UNDO = "undo"


class Answer(StrEnum):
    """A user's answer to the question whether two faces are the same person."""

    YES = "yes"
    NO = "no"
    NOT_SURE = "not_sure"


class Elsewhere(StrEnum):
    """The targets of a move other than an existing person."""

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
        """Return a change that hides or shows a person; None changes neither."""
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
class Hidden:
    """The people after they were hidden or shown; `change_id` is None if nothing changed."""

    people: tuple[PersonSummary, ...]
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


@dataclass(frozen=True, slots=True)
class Judged:
    """The `people` that remain after faces got a verdict, and the number of changed faces.

    `change_id` is None if all faces had the verdict already.
    """

    people: tuple[PersonSummary, ...]
    faces: int
    change_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChange:
    """A change in the undo log of a pack.

    `person_name` names the person that the change left, None when there is no single one.
    `name_before` is that person's name before the change, and `name` the one after it; for an
    undone change, `name` is the best guess. `hidden` tells whether the change hid people. `people`
    and `faces` count how many were changed. `answer` is the answer that made the change. Only the
    newest change that is not undone `can_undo`.
    """

    id: int
    kind: ChangeKind
    created_at: datetime
    undone_at: datetime | None
    can_undo: bool
    person_name: str | None
    name_before: str | None
    name: str | None
    hidden: bool
    verdict: FaceVerdict | None
    people: int
    faces: int
    answer: Answer | None = None

    @property
    def summary(self) -> str:
        """The change in words for users."""
        match self.kind:
            case ChangeKind.RENAME:
                return self._tell_rename()
            case ChangeKind.HIDE:
                return self._tell_hiding()
            case ChangeKind.MERGE:
                return f"Merged {_count_people(self.people - 1)} into {self.person_name}"
            case ChangeKind.MOVE:
                return self._tell_move()
            case ChangeKind.VERDICT:
                return self._tell_verdict()
            case ChangeKind.COVER:
                return f"Changed the cover of {self.person_name}"
            case ChangeKind.BIRTH_DATE:
                return f"Changed the birth date of {self.person_name}"
            case ChangeKind.ANSWER:
                return self._tell_answer()
            case ChangeKind.UNDO:
                return "Undid a change"

    def _tell_move(self) -> str:
        faces = _count_faces(self.faces)
        return f"Moved {faces} to {self.person_name}" if self.person_name else f"Ungrouped {faces}"

    def _tell_answer(self) -> str:
        if self.answer is None:
            return "Answered a question"
        if self.answer is Answer.YES:
            return f"Answered yes: {self.person_name}"
        return "Answered no" if self.answer is Answer.NO else "Answered not sure"

    def _tell_hiding(self) -> str:
        whom = self.person_name if self.people == 1 else _count_people(self.people)
        return f"Hid {whom}" if self.hidden else f"Showed {whom} again"

    def _tell_verdict(self) -> str:
        faces = _count_faces(self.faces)
        if self.verdict is None:
            return f"Took back {faces}"
        if self.verdict is FaceVerdict.HIDDEN:
            return f"Hid {faces}"
        one, many = _VERDICT_WORDS[self.verdict]
        return f"Marked {faces} as {one if self.faces == 1 else many}"

    def _tell_rename(self) -> str:
        if self.undone_at is not None:
            return f"Renamed {self.name_before or self.person_name}"
        if self.name == self.name_before:
            return self._tell_hiding()
        if self.name is None:
            return f"Removed the name {self.name_before}"
        if self.name_before is None:
            return f"Named {self.name}"
        return f"Renamed {self.name_before} to {self.name}"


_VERDICT_WORDS = {
    FaceVerdict.NOT_A_FACE: ("not a face", "not a face"),
    FaceVerdict.STRANGER: ("a stranger", "strangers"),
}


def _count_faces(number: int) -> str:
    return _count(number, "face", "faces")


def _count_people(number: int) -> str:
    return _count(number, "person", "people")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"

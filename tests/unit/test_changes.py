"""Changes to people are told in sentences; names are the same in any case and coding."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cluster.core.changes import ChangeKind, LastChange
from cluster.core.people import fold_name

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def tell(
    kind: ChangeKind, *, before: str | None = None, now: str | None = None, **more: int
) -> str:
    change = LastChange(
        id=1,
        kind=kind,
        created_at=NOW,
        person_name=now or "person 7",
        name_before=before,
        name=now,
        hidden=bool(more.get("hidden")),
        people=more.get("people", 1),
        faces=more.get("faces", 0),
    )
    return change.summary


def test_naming_is_told_by_both_names() -> None:
    assert tell(ChangeKind.RENAME, now="Anna") == "Named Anna"
    assert tell(ChangeKind.RENAME, before="Ana", now="Anna") == "Renamed Ana to Anna"
    assert tell(ChangeKind.RENAME, before="Anna") == "Removed the name Anna"


def test_a_renaming_to_the_same_name_is_told_by_what_it_changed() -> None:
    assert tell(ChangeKind.RENAME, before="Anna", now="Anna", hidden=1) == "Hid Anna"
    assert tell(ChangeKind.RENAME, before="Anna", now="Anna") == "Showed Anna again"


def test_who_has_no_name_is_told_by_number() -> None:
    assert tell(ChangeKind.HIDE, hidden=1) == "Hid person 7"
    assert tell(ChangeKind.HIDE, now="Anna") == "Showed Anna again"


def test_one_and_many_are_told_apart() -> None:
    assert tell(ChangeKind.MERGE, now="Anna", people=2) == "Merged 1 person into Anna"
    assert tell(ChangeKind.MERGE, now="Anna", people=4) == "Merged 3 people into Anna"
    assert tell(ChangeKind.MOVE, now="Anna", faces=1) == "Moved 1 face to Anna"
    assert tell(ChangeKind.MOVE, now="Anna", faces=12) == "Moved 12 faces to Anna"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Anna", "ANNA"), ("Éva", "E\u0301VA"), ("Groß", "GROSS"), ("Anna  Maria", " anna maria ")],
)
def test_names_are_the_same_in_any_case_and_coding(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


def test_an_accent_makes_another_name() -> None:
    assert fold_name("Eva") != fold_name("Éva")


def test_a_cover_and_a_birth_date_are_told_by_the_person() -> None:
    assert tell(ChangeKind.COVER, now="Anna") == "Changed the cover of Anna"
    assert tell(ChangeKind.BIRTH_DATE) == "Changed the birth date of person 7"

"""Changes to people are described in sentences; names are equal in any case and Unicode form."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cluster.core.identity.changes import ChangeKind, PastChange
from cluster.core.identity.faces import FaceVerdict
from cluster.core.identity.people import fold_name

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def tell(
    kind: ChangeKind,
    *,
    before: str | None = None,
    now: str | None = None,
    person: str | None = "person 7",
    verdict: FaceVerdict | None = None,
    undone: bool = False,
    **more: int,
) -> str:
    change = PastChange(
        id=1,
        kind=kind,
        created_at=NOW,
        undone_at=NOW if undone else None,
        can_undo=not undone,
        person_name=now or person,
        name_before=before,
        name=now,
        hidden=bool(more.get("hidden")),
        verdict=verdict,
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


def test_an_undone_renaming_is_told_by_the_name_before() -> None:
    assert tell(ChangeKind.RENAME, before="Anna", now="Bea", undone=True) == "Renamed Anna"
    assert tell(ChangeKind.RENAME, undone=True) == "Renamed person 7"


def test_hiding_several_people_is_told_by_their_number() -> None:
    assert tell(ChangeKind.HIDE, now="Anna", people=3, hidden=1) == "Hid 3 people"
    assert tell(ChangeKind.HIDE, now="Anna", people=3) == "Showed 3 people again"


@pytest.mark.parametrize(
    ("verdict", "faces", "summary"),
    [
        (FaceVerdict.NOT_A_FACE, 3, "Marked 3 faces as not a face"),
        (FaceVerdict.STRANGER, 1, "Marked 1 face as a stranger"),
        (FaceVerdict.STRANGER, 2, "Marked 2 faces as strangers"),
        (FaceVerdict.HIDDEN, 2, "Hid 2 faces"),
        (None, 2, "Took back 2 faces"),
    ],
)
def test_a_verdict_is_told_by_the_number_of_faces(
    verdict: FaceVerdict | None, faces: int, summary: str
) -> None:
    assert tell(ChangeKind.VERDICT, person=None, verdict=verdict, faces=faces) == summary


@pytest.mark.parametrize("kind", ChangeKind)
def test_every_kind_of_change_has_a_sentence(kind: ChangeKind) -> None:
    assert tell(kind, now="Anna", before="Ana", faces=1, people=2)


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

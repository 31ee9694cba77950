"""Birth dates are set and undone, and no person has a face from before the birth."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import ImpossibleChange
from cluster.core.identity.changes import ChangeKind, PersonEdit
from cluster.store.database.engine import begin
from cluster.store.people.births import release_before_birth
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import edit_person, merge_people
from cluster.store.people.undo_log import find_last_change, undo_change
from tests.library import NOW, PACK
from tests.people import Album, fill_album, group, people_of_faces, set_times

BIRTH = date(2014, 5, 3)
TIMES = (
    "2013-12-24 18:00",
    "2014-05-01 23:59",
    "2014-05-02 00:00",
    "2014-05-03 06:00",
    "2019-05-03 12:00",
    "1980-01-01 00:03",
    "1970-01-01 00:00",
    "2000-01-01 12:00",
    None,
)
EARLY = [0, 1]
"""The photos taken more than a day before the birth, by cameras whose clock was set."""


@pytest.fixture
def album(engine: Engine) -> Album:
    album = fill_album(engine, *([1] for _ in TIMES))
    with begin(engine) as db:
        set_times(db, album, *TIMES)
    return album


@pytest.fixture
def child(album: Album) -> int:
    return album.people[1]


def set_birth(db: Session, person_id: int, birth_date: date | None) -> int | None:
    edit = PersonEdit.hiding(None).with_birth_date(birth_date)
    version = get_person(db, person_id).version
    return edit_person(db, person_id, edit, version=version, now=NOW).change_id


def released(db: Session, album: Album) -> list[int]:
    """The numbers of the photos whose face belongs to no person."""
    people = people_of_faces(db)
    return [n for n, faces in enumerate(album.face_ids) if people[faces[0]] is None]


def test_faces_before_the_birth_leave_the_person_at_once(
    db: Session, album: Album, child: int
) -> None:
    set_birth(db, child, BIRTH)
    assert released(db, album) == EARLY
    assert get_person(db, child).birth_date == BIRTH


def test_faces_before_the_birth_leave_the_person_after_each_clustering(
    db: Session, album: Album, child: int
) -> None:
    set_birth(db, child, BIRTH)
    group(db, [child] * len(TIMES))
    assert release_before_birth(db, pack=PACK) == len(EARLY)
    assert released(db, album) == EARLY
    assert release_before_birth(db, pack=PACK) == 0


def test_people_of_other_packs_and_without_a_birth_date_keep_their_faces(
    db: Session, album: Album, child: int
) -> None:
    assert release_before_birth(db, pack=PACK) == 0
    db.execute(text("UPDATE person SET birth_date = :born"), {"born": BIRTH})
    assert release_before_birth(db, pack="other") == 0
    assert released(db, album) == []


def test_faces_that_a_user_placed_stay(db: Session, album: Album, child: int) -> None:
    placed = {"id": album.face_ids[0][0]}
    db.execute(text("UPDATE face SET placed_by_user = true WHERE id = :id"), placed)
    set_birth(db, child, BIRTH)
    assert released(db, album) == [1]
    group(db, [child] * len(TIMES))
    release_before_birth(db, pack=PACK)
    assert released(db, album) == [1]


def test_an_undo_gives_the_faces_back_with_the_date_before(
    db: Session, album: Album, child: int
) -> None:
    early = set_birth(db, child, date(1990, 1, 1))
    change_id = set_birth(db, child, BIRTH)
    assert early is not None and change_id is not None
    change = find_last_change(db, pack=PACK)
    assert change is not None
    assert change.kind is ChangeKind.BIRTH_DATE
    assert change.summary == f"Changed the birth date of person {child}"
    undo_change(db, change_id, now=NOW)
    assert released(db, album) == []
    assert get_person(db, child).birth_date == date(1990, 1, 1)


def test_a_birth_date_is_removed_and_the_same_one_is_no_change(
    db: Session, album: Album, child: int
) -> None:
    set_birth(db, child, BIRTH)
    assert set_birth(db, child, BIRTH) is None
    assert set_birth(db, child, None) is not None
    assert get_person(db, child).birth_date is None


def test_a_name_and_a_birth_date_are_one_change(db: Session, album: Album, child: int) -> None:
    edit = PersonEdit.renaming("Anna").with_birth_date(BIRTH)
    edit_person(db, child, edit, version=1, now=NOW)
    person = get_person(db, child)
    assert (person.name, person.birth_date, person.version) == ("Anna", BIRTH, 2)
    change = find_last_change(db, pack=PACK)
    assert change is not None
    assert change.summary == "Named Anna"


def test_a_change_of_the_name_alone_moves_no_face(db: Session, album: Album, child: int) -> None:
    set_birth(db, child, BIRTH)
    group(db, [child] * len(TIMES))
    edit_person(db, child, PersonEdit.renaming("Anna"), version=2, now=NOW)
    assert released(db, album) == []
    assert get_person(db, child).birth_date == BIRTH


def test_nobody_is_born_in_the_future(db: Session, child: int) -> None:
    assert set_birth(db, child, NOW.date()) is not None
    with pytest.raises(ImpossibleChange):
        set_birth(db, child, NOW.date() + timedelta(days=2))


def test_merged_people_keep_the_birth_date_of_one_of_them(engine: Engine) -> None:
    album = fill_album(engine, [1], [2])
    kept, other = album.of(1, 2)
    with begin(engine) as db:
        set_birth(db, other, BIRTH)
        change = merge_people(db, kept, [other], versions={kept: 1, other: 2}, now=NOW)
        assert change.person.birth_date == BIRTH
        assert change.change_id is not None
        undo_change(db, change.change_id, now=NOW)
        assert get_person(db, kept).birth_date is None
        assert get_person(db, other).birth_date == BIRTH

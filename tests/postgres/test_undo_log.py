"""The undo log keeps the newest changes of a pack, and nothing about erased people."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotLastChange
from cluster.core.identity.changes import Elsewhere, PastChange, PersonEdit
from cluster.store.database.engine import begin
from cluster.store.erasing import erase_person
from cluster.store.people.change_history import find_last_change, list_changes
from cluster.store.people.face_moves import move_faces
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import edit_person, merge_people
from cluster.store.people.undo_log import KEPT_CHANGES, Undone, undo_change
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    """Anna (4 faces), Bea (3), and an unnamed person (2)."""
    grouped = fill_people(engine, 4, 3, 2)
    with begin(engine) as db:
        rename(db, grouped.ids[0], "Anna")
        rename(db, grouped.ids[1], "Bea")
    return grouped


def rename(db: Session, person_id: int, name: str | None) -> None:
    version = get_person(db, person_id).version
    edit_person(db, person_id, PersonEdit.renaming(name), version=version, now=NOW)


def merge(db: Session, *person_ids: int) -> None:
    versions = {one: get_person(db, one).version for one in person_ids}
    merge_people(db, person_ids[0], person_ids[1:], versions=versions, now=NOW)


def move_to_new(db: Session, person_id: int, face_ids: list[int]) -> None:
    version = get_person(db, person_id).version
    move_faces(db, person_id, face_ids, to=Elsewhere.NEW, version=version, now=NOW)


def history(db: Session) -> list[PastChange]:
    return list_changes(db, pack=PACK, limit=1000)


def undo_last(db: Session) -> Undone:
    last = find_last_change(db, pack=PACK)
    assert last is not None
    return undo_change(db, last.id, now=NOW)


def names_in_log(db: Session) -> set[str | None]:
    return set(db.execute(text("SELECT name FROM person_change_person")).scalars())


def test_each_change_is_told_by_the_names_of_its_time(db: Session, grouped: Grouped) -> None:
    anna, bea, _ = grouped.ids
    rename(db, anna, "Anne")
    rename(db, anna, "Annette")
    undo_last(db)
    merge(db, bea, anna)
    told = [change.summary for change in history(db)]
    assert told == [
        "Merged 1 person into Bea",
        "Renamed Anne",
        "Renamed Anna to Anne",
        "Named Bea",
        "Named Anna",
    ]
    assert [change.undone_at is None for change in history(db)] == [True, False, True, True, True]
    assert [change.can_undo for change in history(db)] == [True] + [False] * 4


def test_the_newest_changes_of_a_pack_are_kept(db: Session, grouped: Grouped) -> None:
    for number in range(KEPT_CHANGES + 5):
        rename(db, grouped.ids[2], f"Name {number}")
    told = history(db)
    assert len(told) == KEPT_CHANGES
    assert told[0].summary == "Renamed Name 53 to Name 54"
    assert told[-1].summary == "Renamed Name 4 to Name 5"
    for change in told:
        undo_change(db, change.id, now=NOW)
    assert find_last_change(db, pack=PACK) is None
    with pytest.raises(NotLastChange):
        undo_change(db, told[-1].id - 1, now=NOW)


def test_undone_changes_take_no_place_of_others_and_do_not_pile_up(
    db: Session, grouped: Grouped
) -> None:
    for _ in range(KEPT_CHANGES + 5):
        rename(db, grouped.ids[0], "Anne")
        undo_last(db)
    rename(db, grouped.ids[0], "Anne")
    undone = [change for change in history(db) if change.undone_at]
    assert len(undone) == KEPT_CHANGES
    assert len(history(db)) - len(undone) == 3


def test_an_undo_that_an_earlier_version_recorded_is_passed_over(
    db: Session, grouped: Grouped
) -> None:
    before = history(db)
    query = text(
        "INSERT INTO person_change (pack, kind, created_at) VALUES (:pack, 'undo', :now)"
        " RETURNING id"
    )
    undo_id = db.execute(query, {"pack": PACK, "now": NOW}).scalar_one()
    assert history(db) == before
    with pytest.raises(NotLastChange):
        undo_change(db, undo_id, now=NOW)
    assert undo_last(db).change == before[0]


@pytest.mark.parametrize(("number", "left"), [(0, ["Named Bea"]), (1, ["Named Anna"])])
def test_the_changes_of_an_erased_person_go_with_it(
    db: Session, grouped: Grouped, number: int, left: list[str]
) -> None:
    anna, bea = grouped.ids[:2]
    faces = grouped.people[anna][:2]
    move_faces(db, anna, faces, to=bea, version=2, now=NOW)
    rename(db, grouped.ids[number], "Robert")
    erase_person(db, grouped.ids[number])
    assert [change.summary for change in history(db)] == left
    assert "Robert" not in names_in_log(db)


def test_nothing_is_left_of_people_whose_faces_were_erased_with_another(
    db: Session, grouped: Grouped
) -> None:
    anna, bea, third = grouped.ids
    rename(db, bea, "Beatrix")
    move_to_new(db, bea, grouped.people[bea][:1])
    merge(db, anna, bea)
    rename(db, third, "Clara")
    rename(db, third, "Klara")
    erase_person(db, anna)
    assert names_in_log(db) == {None, "Clara"}
    for summary in ("Renamed Clara to Klara", "Named Clara"):
        assert undo_last(db).change.summary == summary
    assert find_last_change(db, pack=PACK) is None


def test_nothing_is_left_of_who_was_gone_without_a_change(db: Session, grouped: Grouped) -> None:
    """Clustering deletes people who have neither a name nor a face."""
    anna, bea, _ = grouped.ids
    rename(db, bea, None)
    key = {"anna": anna, "bea": bea}
    db.execute(text("UPDATE face SET person_id = :anna WHERE person_id = :bea"), key)
    db.execute(text("DELETE FROM person WHERE id = :bea"), key)
    assert "Bea" in names_in_log(db)
    erase_person(db, anna)
    assert names_in_log(db) == set()


def test_an_erasing_leaves_the_merges_of_others(db: Session, grouped: Grouped) -> None:
    anna, bea, third = grouped.ids
    merge(db, bea, third)
    erase_person(db, anna)
    assert undo_last(db).change.summary == "Merged 1 person into Bea"
    assert get_person(db, third).faces == 2

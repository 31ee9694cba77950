"""The last change to people can be undone, once, and leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.changes import ChangeKind, Elsewhere, LastChange, PersonEdit
from cluster.core.errors import NotFound, NotLastChange
from cluster.store.database.engine import begin
from cluster.store.erasing import delete_people
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.person_edits import edit_person, merge_people
from cluster.store.people.undo_log import find_last_change, undo_change
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people, group, people_of_faces

Change = Callable[[Session, Grouped], int | None]


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    """Anna (4 faces), Bea (3), hidden (2), nobody (3)."""
    grouped = fill_people(engine, 4, 3, 2, ungrouped=3)
    with begin(engine) as db:
        rename(db, grouped.ids[0], "Anna", version=1)
        rename(db, grouped.ids[1], "Bea", version=1)
        edit_person(db, grouped.ids[2], PersonEdit.hiding(True), version=1, now=NOW)
    return grouped


def rename(db: Session, person_id: int, name: str | None, *, version: int) -> int | None:
    edit = PersonEdit.renaming(name)
    return edit_person(db, person_id, edit, version=version, now=NOW).change_id


def state_of(db: Session) -> dict[str, list[Any]]:
    """People and faces, without the versions and times of change."""
    people = text("SELECT id, pack, name, name_key, hidden, created_at FROM person ORDER BY id")
    faces = text("SELECT id, person_id, placed_by_user FROM face ORDER BY id")
    return {"people": list(db.execute(people)), "faces": list(db.execute(faces))}


def unname(db: Session, grouped: Grouped) -> int | None:
    return rename(db, grouped.ids[0], None, version=2)


def show_again(db: Session, grouped: Grouped) -> int | None:
    edit = PersonEdit.hiding(False)
    return edit_person(db, grouped.ids[2], edit, version=2, now=NOW).change_id


def merge_all(db: Session, grouped: Grouped) -> int | None:
    """The unnamed, hidden one is kept and gets a name: both are taken back."""
    first, *others = reversed(grouped.ids)
    versions = dict.fromkeys(grouped.ids, 2)
    return merge_people(db, first, others, versions=versions, now=NOW).change_id


def move_some_to_new(db: Session, grouped: Grouped) -> int:
    anna, faces = next(iter(grouped.people.items()))
    return move_faces(db, anna, faces[:2], to=Elsewhere.NEW, version=2, now=NOW).change_id


def move_all_to_another(db: Session, grouped: Grouped) -> int:
    anna, faces = next(iter(grouped.people.items()))
    return move_faces(db, anna, faces, to=grouped.ids[1], version=2, now=NOW).change_id


def move_all_to_nobody(db: Session, grouped: Grouped) -> int:
    anna, faces = next(iter(grouped.people.items()))
    return move_faces(db, anna, faces, to=Elsewhere.UNGROUPED, version=2, now=NOW).change_id


def place_with_new(db: Session, grouped: Grouped) -> int:
    faces = grouped.ungrouped
    return move_ungrouped_faces(db, faces, to=Elsewhere.NEW, pack=PACK, now=NOW).change_id


CHANGES = {
    "Removed the name Anna": unname,
    "Showed person 3 again": show_again,
    "Merged 2 people into Bea": merge_all,
    "Moved 2 faces to person 4": move_some_to_new,
    "Moved 4 faces to Bea": move_all_to_another,
    "Ungrouped 4 faces": move_all_to_nobody,
    "Moved 3 faces to person 4": place_with_new,
}


def last_change(db: Session) -> LastChange:
    change = find_last_change(db, pack=PACK)
    assert change is not None
    return change


@pytest.mark.parametrize("summary", CHANGES)
def test_an_undo_leaves_everything_as_it_was(db: Session, grouped: Grouped, summary: str) -> None:
    before = state_of(db)
    change_id = CHANGES[summary](db, grouped)
    assert change_id is not None
    told = last_change(db)
    assert (told.id, told.summary, told.can_undo) == (change_id, summary, True)
    undone = undo_change(db, change_id, now=NOW)
    assert state_of(db) == before
    told = last_change(db)
    assert (told.id, told.kind, told.can_undo) == (undone.change_id, ChangeKind.UNDO, False)


@pytest.mark.parametrize("summary", CHANGES)
def test_an_undo_outdates_what_clients_saw_of_the_people(
    db: Session, grouped: Grouped, summary: str
) -> None:
    seen = versions(db)
    change_id = CHANGES[summary](db, grouped)
    assert change_id is not None
    during = versions(db)
    undo_change(db, change_id, now=NOW)
    after = versions(db)
    for person_id, version in after.items():
        if during.get(person_id) != seen[person_id]:
            assert version > max(seen[person_id], during.get(person_id, 0))


def versions(db: Session) -> dict[int, int]:
    return {row.id: row.version for row in db.execute(text("SELECT id, version FROM person"))}


def test_a_change_is_of_the_kind_that_was_asked_for(db: Session, grouped: Grouped) -> None:
    edit = PersonEdit.renaming("Someone new", hidden=True)
    edit_person(db, grouped.ids[1], edit, version=versions(db)[grouped.ids[1]], now=NOW)
    assert last_change(db).kind is ChangeKind.RENAME
    show_again(db, grouped)
    assert last_change(db).kind is ChangeKind.HIDE


def test_a_change_is_undone_once(db: Session, grouped: Grouped) -> None:
    change_id = move_some_to_new(db, grouped)
    undone = undo_change(db, change_id, now=NOW)
    for late in (change_id, undone.change_id):
        with pytest.raises(NotLastChange):
            undo_change(db, late, now=NOW)


def test_only_the_last_change_can_be_undone(db: Session, grouped: Grouped) -> None:
    first = move_some_to_new(db, grouped)
    second = show_again(db, grouped)
    with pytest.raises(NotLastChange):
        undo_change(db, first, now=NOW)
    assert second is not None
    undo_change(db, second, now=NOW)
    with pytest.raises(NotFound):
        undo_change(db, second + 4711, now=NOW)


def test_each_pack_has_a_last_change_of_its_own(engine: Engine, grouped: Grouped) -> None:
    other = fill_people(engine, 3, pack="other")
    with begin(engine) as db:
        here = show_again(db, grouped)
        rename(db, other.ids[0], "Anna", version=1)
        assert here is not None
        undo_change(db, here, now=NOW)
        change = find_last_change(db, pack="other")
        assert change is not None
        assert change.summary == "Named Anna"
        assert find_last_change(db, pack="none") is None


def test_an_undo_holds_against_a_clustering_that_saw_the_change(
    db: Session, grouped: Grouped
) -> None:
    change_id = merge_all(db, grouped)
    assert change_id is not None
    kept = grouped.ids[2]
    group(db, [kept] * 9 + [0] * 3)
    undo_change(db, change_id, now=NOW)
    now_at = people_of_faces(db)
    for person, faces in grouped.people.items():
        assert {now_at[face] for face in faces} == {person}


def test_a_person_whom_the_change_made_and_clustering_filled_stays(
    db: Session, grouped: Grouped
) -> None:
    change_id = move_some_to_new(db, grouped)
    new = max(versions(db))
    group(db, [0] * 9 + [new] * 3)
    undone = undo_change(db, change_id, now=NOW)
    assert new in undone.person_ids
    assert {people_of_faces(db)[face] for face in grouped.ungrouped} == {new}


def test_the_undo_log_keeps_nothing_of_earlier_changes(db: Session, grouped: Grouped) -> None:
    merge_all(db, grouped)
    edit_person(db, grouped.ids[2], PersonEdit.hiding(False), version=3, now=NOW)
    rows = {
        table: db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        for table in ("person_change", "person_change_person", "person_change_face")
    }
    assert rows == {"person_change": 1, "person_change_person": 1, "person_change_face": 0}


@pytest.mark.parametrize("number", [0, 1])
def test_the_undo_log_goes_with_an_erased_person(
    db: Session, grouped: Grouped, number: int
) -> None:
    anna, bea = grouped.ids[:2]
    faces = grouped.people[anna][:2]
    change_id = move_faces(db, anna, faces, to=bea, version=2, now=NOW).change_id
    delete_people(db, [grouped.ids[number]])
    assert find_last_change(db, pack=PACK) is None
    assert db.execute(text("SELECT count(*) FROM person_change_person")).scalar_one() == 0
    with pytest.raises(NotFound):
        undo_change(db, change_id, now=NOW)


def test_faces_that_were_erased_since_stay_erased(db: Session, grouped: Grouped) -> None:
    change_id = move_some_to_new(db, grouped)
    anna, faces = next(iter(grouped.people.items()))
    db.execute(text("DELETE FROM face WHERE id = :id"), {"id": faces[0]})
    undo_change(db, change_id, now=NOW)
    now_at = people_of_faces(db)
    assert [now_at.get(face) for face in faces] == [None, anna, anna, anna]

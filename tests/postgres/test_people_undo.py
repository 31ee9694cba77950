"""Undoing the newest change to people restores everything as it was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import NameTaken, NotFound, NotLastChange, StaleVersion
from cluster.core.identity.changes import ChangeKind, Elsewhere, PastChange, PersonEdit
from cluster.store.database.engine import begin
from cluster.store.people.change_history import find_last_change
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.person_edits import edit_person, hide_people, merge_people
from cluster.store.people.undo_log import undo_change
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people, group, people_of_faces

Change = Callable[[Session, Grouped], int | None]


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    """Anna (4 faces), Bea (3), a hidden person (2), and 3 ungrouped faces."""
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
    people = text(
        "SELECT id, pack, name, name_key, hidden, birth_date, cover_face_id, created_at"
        " FROM person ORDER BY id"
    )
    faces = text("SELECT id, person_id, placed_by_user, verdict FROM face ORDER BY id")
    return {"people": list(db.execute(people)), "faces": list(db.execute(faces))}


def unname(db: Session, grouped: Grouped) -> int | None:
    return rename(db, grouped.ids[0], None, version=2)


def show_again(db: Session, grouped: Grouped) -> int | None:
    edit = PersonEdit.hiding(False)
    return edit_person(db, grouped.ids[2], edit, version=2, now=NOW).change_id


def merge_all(db: Session, grouped: Grouped) -> int | None:
    """The unnamed, hidden person stays and gets a name; an undo takes back both."""
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


def last_change(db: Session) -> PastChange:
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
    assert undone.change == told
    assert state_of(db) == before
    assert last_change(db).summary == "Hid person 3"


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
    undo_change(db, change_id, now=NOW)
    with pytest.raises(NotLastChange):
        undo_change(db, change_id, now=NOW)


def test_only_the_newest_change_that_is_not_undone_can_be_undone(
    db: Session, grouped: Grouped
) -> None:
    first = move_some_to_new(db, grouped)
    second = show_again(db, grouped)
    with pytest.raises(NotLastChange):
        undo_change(db, first, now=NOW)
    assert second is not None
    undo_change(db, second, now=NOW)
    undo_change(db, first, now=NOW)
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


def test_answers_that_a_change_gave_are_taken_back_with_it(db: Session, grouped: Grouped) -> None:
    change_id = move_some_to_new(db, grouped)
    query = text(
        "INSERT INTO face_answer (pack, answer, answered_at, change_id)"
        " VALUES (:pack, 'no', :now, :change)"
    )
    for change in (change_id, None):
        db.execute(query, {"pack": PACK, "now": NOW, "change": change})
    undo_change(db, change_id, now=NOW)
    assert db.execute(text("SELECT change_id FROM face_answer")).scalars().all() == [None]


def test_people_are_hidden_together_and_shown_by_one_undo(db: Session, grouped: Grouped) -> None:
    """A person who is already hidden is not part of the change."""
    before, seen = state_of(db), dict.fromkeys(grouped.ids, 2)
    hidden = hide_people(db, seen, hidden=True, now=NOW)
    assert hidden.change_id is not None
    assert [person.hidden for person in hidden.people] == [True] * 3
    assert last_change(db).summary == "Hid 2 people"
    assert hide_people(db, seen, hidden=True, now=NOW).change_id is None
    undo_change(db, hidden.change_id, now=NOW)
    assert state_of(db) == before
    with pytest.raises(StaleVersion):
        hide_people(db, seen, hidden=True, now=NOW)


def test_a_name_that_somebody_got_without_a_change_is_not_given_twice(
    db: Session, grouped: Grouped
) -> None:
    """Names that are carried from another pack are not in the log of changes."""
    anna, _, third = grouped.ids
    change_id = rename(db, anna, "Ana", version=2)
    assert change_id is not None
    query = text("UPDATE person SET name = 'Anna', name_key = 'anna' WHERE id = :id")
    db.execute(query, {"id": third})
    with pytest.raises(NameTaken) as taken:
        undo_change(db, change_id, now=NOW)
    assert taken.value.other.id == third


def test_birth_dates_and_covers_are_restored_unless_the_cover_was_erased(
    db: Session, grouped: Grouped
) -> None:
    anna, faces = next(iter(grouped.people.items()))
    query = text(
        "UPDATE person SET birth_date = '2015-03-04', cover_face_id = :face WHERE id = :id"
    )
    db.execute(query, {"id": anna, "face": faces[1]})
    before = state_of(db)
    for change in (merge_all, unname_now):
        change_id = change(db, grouped)
        assert change_id is not None
        undo_change(db, change_id, now=NOW)
        assert state_of(db) == before
    change_id = unname_now(db, grouped)
    db.execute(text("DELETE FROM face WHERE id = :id"), {"id": faces[1]})
    undo_change(db, change_id, now=NOW)
    cover = text("SELECT cover_face_id FROM person WHERE id = :id")
    assert db.execute(cover, {"id": anna}).scalar_one() is None


def unname_now(db: Session, grouped: Grouped) -> int:
    anna = grouped.ids[0]
    change_id = rename(db, anna, None, version=versions(db)[anna])
    assert change_id is not None
    return change_id


def test_faces_that_were_erased_since_stay_erased(db: Session, grouped: Grouped) -> None:
    change_id = move_some_to_new(db, grouped)
    anna, faces = next(iter(grouped.people.items()))
    db.execute(text("DELETE FROM face WHERE id = :id"), {"id": faces[0]})
    undo_change(db, change_id, now=NOW)
    now_at = people_of_faces(db)
    assert [now_at.get(face) for face in faces] == [None, anna, anna, anna]

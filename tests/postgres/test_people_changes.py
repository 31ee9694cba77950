"""Naming, hiding, merging and moving: effects, refusals, and what clustering must keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import (
    FacesElsewhere,
    ImpossibleChange,
    NameTaken,
    NotFound,
    StaleVersion,
)
from cluster.core.identity.changes import Changed, Elsewhere, PersonEdit
from cluster.core.identity.people import PersonSummary
from cluster.store.database.engine import begin
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.face_vectors import load_vectors
from cluster.store.people.people_list import get_person, page_people
from cluster.store.people.person_edits import edit_person, merge_people
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people, group, people_of_faces


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2, ungrouped=3)


def rename(db: Session, person_id: int, name: str | None, *, version: int = 1) -> Changed:
    edit = PersonEdit.renaming(name)
    return edit_person(db, person_id, edit, version=version, now=NOW)


def hide(db: Session, person_id: int, *, version: int = 1) -> PersonSummary:
    return edit_person(db, person_id, PersonEdit.hiding(True), version=version, now=NOW).person


def merge(db: Session, *person_ids: int) -> PersonSummary:
    versions = {one: get_person(db, one).version for one in person_ids}
    return merge_people(db, person_ids[0], person_ids[1:], versions=versions, now=NOW).person


@contextmanager
def refused(db: Session, error: type[Exception]) -> Iterator[pytest.ExceptionInfo[Any]]:
    """Expect an error, and roll back what the block has done."""
    with pytest.raises(error) as caught, db.begin_nested():
        yield caught


def is_placed(db: Session) -> set[int]:
    return set(db.execute(text("SELECT id FROM face WHERE placed_by_user")).scalars())


def test_a_name_is_kept_and_pins_no_face(db: Session, grouped: Grouped) -> None:
    anna = grouped.ids[0]
    changed = rename(db, anna, "Anna").person
    assert (changed.name, changed.version, changed.faces) == ("Anna", 2, 4)
    assert rename(db, anna, None, version=2).person.name is None
    assert is_placed(db) == set()


def test_what_is_so_already_is_no_change(db: Session, grouped: Grouped) -> None:
    """A client that did not receive the answer may send its request again."""
    anna = grouped.ids[0]
    first = rename(db, anna, "Anna")
    again = rename(db, anna, "Anna")
    assert again == Changed(first.person, None)


def test_a_change_at_another_version_is_refused_and_shows_the_person(
    db: Session, grouped: Grouped
) -> None:
    one, two = grouped.ids[:2]
    current = hide(db, one)
    with refused(db, StaleVersion) as stale:
        rename(db, one, "Anna")
    assert stale.value.current == current
    with refused(db, StaleVersion):
        merge_people(db, two, [one], versions={one: 1, two: 1}, now=NOW)
    with refused(db, StaleVersion):
        merge_people(db, two, [one], versions={one: 2}, now=NOW)
    faces = grouped.people[one][:1]
    with refused(db, StaleVersion):
        move_faces(db, one, faces, to=Elsewhere.NEW, version=1, now=NOW)


@pytest.mark.parametrize("same", ["Anna", "ANNA", " anna ", "Ａnna"])
def test_a_name_belongs_to_one_person_of_a_pack_in_any_case(
    db: Session, grouped: Grouped, same: str
) -> None:
    anna, other = grouped.ids[:2]
    rename(db, anna, "Anna")
    with refused(db, NameTaken) as taken:
        rename(db, other, same)
    assert (taken.value.other.id, taken.value.other.version) == (anna, 2)


def test_a_person_may_write_its_own_name_otherwise(db: Session, grouped: Grouped) -> None:
    rename(db, grouped.ids[0], "anna")
    assert rename(db, grouped.ids[0], "Anna", version=2).person.name == "Anna"


def test_each_pack_has_names_of_its_own(engine: Engine, grouped: Grouped) -> None:
    other = fill_people(engine, 3, pack="other")
    with begin(engine) as db:
        rename(db, grouped.ids[0], "Anna")
        rename(db, other.ids[0], "Anna")


def test_who_is_gone_cannot_be_changed(db: Session, grouped: Grouped) -> None:
    one = grouped.ids[0]
    with refused(db, NotFound):
        rename(db, 4711, "Anna")
    with refused(db, NotFound):
        merge_people(db, one, [4711], versions={one: 1, 4711: 1}, now=NOW)
    with refused(db, NotFound):
        move_faces(db, one, grouped.people[one], to=4711, version=1, now=NOW)


def test_merged_people_are_one_with_all_faces(db: Session, grouped: Grouped) -> None:
    one, two, three = grouped.ids
    rename(db, three, "Anna")
    merged = merge(db, one, two, three)
    assert (merged.id, merged.name, merged.faces, merged.photos) == (one, "Anna", 9, 9)
    assert merged.version == 2
    assert page_people(db, pack=PACK, limit=10).people == (merged,)
    with refused(db, NotFound):
        get_person(db, two)


def test_the_kept_person_keeps_its_name_and_stays_hidden(db: Session, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    rename(db, one, "Anna")
    rename(db, two, "Bea")
    hide(db, one, version=2)
    merged = merge(db, one, two)
    assert (merged.name, merged.hidden) == ("Anna", True)


def test_merging_takes_two_people_of_one_pack(engine: Engine, grouped: Grouped) -> None:
    other = fill_people(engine, 3, pack="other")
    with begin(engine) as db:
        for people in ([grouped.ids[0]] * 2, [grouped.ids[0], other.ids[0]]):
            with refused(db, ImpossibleChange):
                merge_people(db, people[0], people[1:], versions=dict.fromkeys(people, 1), now=NOW)


def test_what_a_user_merged_clustering_does_not_part(db: Session, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    merge(db, one, two)
    before = people_of_faces(db)
    group(db, [-1] * 4 + [-2] * 3 + [-3] * 2 + [0] * 3)
    after = people_of_faces(db)
    assert {face for face, person in after.items() if person == one} == {
        face for face, person in before.items() if person == one
    }


def test_a_hidden_person_keeps_its_faces_and_stays_hidden(db: Session, grouped: Grouped) -> None:
    one = grouped.ids[0]
    hide(db, one)
    faces = load_vectors(db, pack=PACK, min_quality=0.0)
    assert faces.is_placed.tolist() == [True] * 4 + [False] * 8
    group(db, [0] * 12)
    (left,) = page_people(db, pack=PACK, limit=10).people or (get_person(db, one),)
    assert (left.id, left.faces, left.hidden) == (one, 4, True)
    assert is_placed(db) == set()


def test_faces_move_to_a_new_person_to_another_and_to_none(db: Session, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    faces = grouped.people[one]
    first = move_faces(db, one, faces[:1], to=Elsewhere.NEW, version=1, now=NOW)
    assert first.source and first.target
    assert (first.source.faces, first.source.version) == (3, 2)
    assert (first.target.faces, first.target.version, first.target.name) == (1, 1, None)
    second = move_faces(db, one, faces[1:2], to=two, version=2, now=NOW)
    assert second.target
    assert (second.target.faces, second.target.version) == (4, 2)
    third = move_faces(db, one, faces[2:3], to=Elsewhere.UNGROUPED, version=3, now=NOW)
    assert third.target is None
    now_at = people_of_faces(db)
    assert [now_at[face] for face in faces] == [first.target.id, two, None, one]
    assert is_placed(db) == set(faces[:3])


def test_moved_faces_are_left_where_they_are_by_clustering(db: Session, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    faces = grouped.people[one]
    move_faces(db, one, faces[:1], to=two, version=1, now=NOW)
    move_faces(db, one, faces[1:2], to=Elsewhere.UNGROUPED, version=2, now=NOW)
    group(db, [one] * 4 + [two] * 3 + [0] * 5)
    now_at = people_of_faces(db)
    assert [now_at[face] for face in faces] == [two, None, one, one]


def test_a_person_who_has_no_face_left_is_gone(db: Session, grouped: Grouped) -> None:
    one = grouped.ids[0]
    rename(db, one, "Anna")
    moved = move_faces(db, one, grouped.people[one], to=Elsewhere.NEW, version=2, now=NOW)
    assert moved.source is None
    assert moved.target
    with refused(db, NotFound):
        get_person(db, one)
    rename(db, moved.target.id, "Anna")


def test_ungrouped_faces_are_moved_to_a_person(db: Session, grouped: Grouped) -> None:
    first, *rest = grouped.ungrouped
    new = move_ungrouped_faces(db, [first], to=Elsewhere.NEW, pack=PACK, now=NOW).target
    assert new
    again = move_ungrouped_faces(db, rest, to=new.id, pack=PACK, now=NOW).target
    assert again
    assert (again.id, again.faces, again.version) == (new.id, 3, 2)
    assert is_placed(db) == set(grouped.ungrouped)


def test_faces_that_are_elsewhere_cannot_be_moved(db: Session, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    foreign = [grouped.people[two][0], grouped.ungrouped[0], 4711]
    with refused(db, FacesElsewhere) as elsewhere:
        move_faces(db, one, [*grouped.people[one], *foreign], to=Elsewhere.NEW, version=1, now=NOW)
    assert elsewhere.value.face_ids == tuple(sorted(foreign))
    with refused(db, FacesElsewhere):
        move_ungrouped_faces(db, grouped.people[one], to=two, pack=PACK, now=NOW)


def test_faces_cannot_go_where_they_are_nor_to_another_pack(
    engine: Engine, grouped: Grouped
) -> None:
    one, faces = next(iter(grouped.people.items()))
    other = fill_people(engine, 3, pack="other").ids[0]
    with begin(engine) as db:
        for target in (one, other):
            with refused(db, ImpossibleChange):
                move_faces(db, one, faces[:1], to=target, version=1, now=NOW)
        with refused(db, ImpossibleChange):
            move_ungrouped_faces(db, grouped.ungrouped, to=Elsewhere.UNGROUPED, pack=PACK, now=NOW)
        with refused(db, ImpossibleChange):
            move_ungrouped_faces(db, grouped.ungrouped, to=other, pack=PACK, now=NOW)

"""Answers about two faces: their effects, which questions they end, and undoing them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import (
    FacesElsewhere,
    ImpossibleChange,
    NamesDiffer,
    NotFound,
    StaleVersion,
)
from cluster.core.identity.changes import Answer, Elsewhere, PersonEdit
from cluster.store.database.engine import begin
from cluster.store.erasing import erase_person, erase_session
from cluster.store.people.answer_rows import list_answered
from cluster.store.people.face_moves import move_faces
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import edit_person, merge_people
from cluster.store.people.undo_log import find_last_change, undo_change
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people, group, people_of_faces
from tests.suggested import NO, NOT_SURE, YES, answer


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2, ungrouped=3)


def rename(db: Session, person_id: int, name: str) -> None:
    version = get_person(db, person_id).version
    edit_person(db, person_id, PersonEdit.renaming(name), version=version, now=NOW)


def merge(db: Session, *ids: int) -> int:
    versions = {one: get_person(db, one).version for one in ids}
    changed = merge_people(db, ids[0], ids[1:], versions=versions, now=NOW)
    assert changed.change_id is not None
    return changed.change_id


def face(grouped: Grouped, number: int, nth: int = 0) -> int:
    return grouped.people[grouped.ids[number]][nth]


def is_answered(db: Session, first: int, second: int) -> bool:
    """Tell whether the question about two sides, by their codes, is no longer asked."""
    return frozenset((first, second)) in list_answered(db, pack=PACK)


def state_of(db: Session) -> dict[str, list[Any]]:
    people = text("SELECT id, name, hidden FROM person ORDER BY id")
    faces = text("SELECT id, person_id, placed_by_user FROM face ORDER BY id")
    return {"people": list(db.execute(people)), "faces": list(db.execute(faces))}


def count_answers(db: Session) -> int:
    return int(db.execute(text("SELECT count(*) FROM face_answer")).scalar_one())


def test_a_yes_merges_two_people_into_the_larger(db: Session, grouped: Grouped) -> None:
    one, two = grouped.ids[:2]
    done = answer(db, face(grouped, 1), face(grouped, 0), YES)
    assert [(person.id, person.faces) for person in done.people] == [(one, 7)]
    assert {people_of_faces(db)[f] for f in grouped.people[two]} == {one}


def test_a_yes_keeps_the_only_name_whoever_has_it(db: Session, grouped: Grouped) -> None:
    rename(db, grouped.ids[1], "Bea")
    [person] = answer(db, face(grouped, 0), face(grouped, 1), YES).people
    assert (person.id, person.name, person.faces) == (grouped.ids[1], "Bea", 7)


def test_a_yes_that_would_lose_a_name_asks_which_stays(db: Session, grouped: Grouped) -> None:
    rename(db, grouped.ids[0], "Anna")
    rename(db, grouped.ids[1], "Bea")
    faces = face(grouped, 0), face(grouped, 1)
    with pytest.raises(NamesDiffer) as caught:
        answer(db, *faces, YES)
    assert caught.value.names == ("Anna", "Bea")
    with pytest.raises(ImpossibleChange):
        answer(db, *faces, YES, keep_name="Clara")
    [person] = answer(db, *faces, YES, keep_name="BEA").people
    assert (person.name, person.faces) == ("Bea", 7)


def test_a_yes_gives_an_ungrouped_face_to_the_person(db: Session, grouped: Grouped) -> None:
    lone = grouped.ungrouped[0]
    [person] = answer(db, lone, face(grouped, 0), YES).people
    assert (person.id, person.faces) == (grouped.ids[0], 5)
    group(db, [*[grouped.ids[0]] * 4, *[0] * 8])
    assert people_of_faces(db)[lone] == grouped.ids[0]


def test_a_yes_about_two_ungrouped_faces_makes_a_person(db: Session, grouped: Grouped) -> None:
    first, second, third = grouped.ungrouped
    [person] = answer(db, first, second, YES).people
    assert person.faces == 2
    assert people_of_faces(db)[third] is None


@pytest.mark.parametrize("said", [NO, NOT_SURE])
def test_no_and_not_sure_change_no_face(db: Session, grouped: Grouped, said: Answer) -> None:
    before = state_of(db)
    done = answer(db, face(grouped, 0), grouped.ungrouped[0], said)
    assert [person.id for person in done.people] == [grouped.ids[0]]
    assert state_of(db) == before


@pytest.mark.parametrize("said", list(Answer))
@pytest.mark.parametrize("sides", ["people", "place", "pair"])
def test_an_undo_takes_an_answer_back(
    db: Session, grouped: Grouped, said: Answer, sides: str
) -> None:
    rename(db, grouped.ids[0], "Anna")
    before = state_of(db)
    faces = {
        "people": (face(grouped, 0), face(grouped, 1)),
        "place": (face(grouped, 0), grouped.ungrouped[0]),
        "pair": (grouped.ungrouped[0], grouped.ungrouped[1]),
    }[sides]
    done = answer(db, *faces, said)
    change = find_last_change(db, pack=PACK)
    assert change is not None
    assert change.id == done.change_id
    assert change.summary.startswith(f"Answered {said.replace('_', ' ')}")
    undo_change(db, done.change_id, now=NOW)
    assert state_of(db) == before
    assert count_answers(db) == 0
    assert list_answered(db, pack=PACK) == frozenset()


def test_an_answer_holds_for_the_people_whichever_faces_are_shown(
    db: Session, grouped: Grouped
) -> None:
    one, two, three = grouped.ids
    answer(db, face(grouped, 0, 2), face(grouped, 1, 1), NO)
    assert list_answered(db, pack=PACK) == {frozenset((one, two))}
    assert not is_answered(db, one, three)


def test_an_answer_about_a_face_holds_for_the_person_that_it_is_given_to(
    db: Session, grouped: Grouped
) -> None:
    one, two, _ = grouped.ids
    lone, other, _ = grouped.ungrouped
    answer(db, lone, face(grouped, 0), NO)
    assert is_answered(db, one, -lone)
    answer(db, lone, face(grouped, 1), YES)
    assert is_answered(db, one, two)
    assert not is_answered(db, one, -other)


def test_a_no_holds_for_the_person_that_another_is_merged_into(
    db: Session, grouped: Grouped
) -> None:
    one, two, three = grouped.ids
    answer(db, face(grouped, 1), face(grouped, 2), NO)
    change_id = merge(db, one, two)
    db.execute(text("DELETE FROM face WHERE id = :id"), {"id": face(grouped, 1)})
    assert list_answered(db, pack=PACK) == {frozenset((one, three))}
    undo_change(db, change_id, now=NOW)
    assert len(list_answered(db, pack=PACK)) == 1


def test_a_merge_by_hand_overrules_a_no_until_it_is_undone(db: Session, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    answer(db, face(grouped, 0), face(grouped, 1), NO)
    change_id = merge(db, one, two)
    assert list_answered(db, pack=PACK) == frozenset()
    undo_change(db, change_id, now=NOW)
    assert is_answered(db, one, two)


def test_an_answer_follows_its_faces_when_they_are_moved_or_grouped_again(
    db: Session, grouped: Grouped
) -> None:
    one, two, three = grouped.ids
    answer(db, face(grouped, 0), face(grouped, 2), NO)
    version = get_person(db, one).version
    faces = grouped.people[one]
    moved = move_faces(db, one, faces[:1], to=Elsewhere.NEW, version=version, now=NOW)
    assert moved.target is not None
    assert list_answered(db, pack=PACK) == {frozenset((moved.target.id, three))}
    group(db, [*[one] * 4, *[two] * 3, *[-1] * 2, *[0] * 3])
    new = people_of_faces(db)[face(grouped, 2)]
    assert new not in grouped.ids
    assert list_answered(db, pack=PACK) == {frozenset((moved.target.id, new))}


def test_an_answer_holds_for_the_person_when_its_face_leaves_everybody(
    db: Session, grouped: Grouped
) -> None:
    one, two, _ = grouped.ids
    answer(db, face(grouped, 0), face(grouped, 1), NO)
    group(db, [0, *[one] * 3, *[two] * 3, 0, 0, 0, 0, 0])
    assert people_of_faces(db)[face(grouped, 0)] is None
    assert is_answered(db, one, two)


def test_who_was_not_sure_is_asked_again_when_a_side_has_doubled(
    db: Session, grouped: Grouped
) -> None:
    one, two, three = grouped.ids
    answer(db, face(grouped, 1), face(grouped, 2), NOT_SURE)
    assert is_answered(db, two, three)
    group(db, [*[one] * 4, *[two] * 3, *[three] * 2, three, 0, 0])
    assert is_answered(db, two, three)
    group(db, [*[one] * 4, *[two] * 3, *[three] * 2, three, three, 0])
    assert not is_answered(db, two, three)


def test_a_no_is_kept_however_the_sides_grow(db: Session, grouped: Grouped) -> None:
    one, two, three = grouped.ids
    answer(db, face(grouped, 1), face(grouped, 2), NO)
    group(db, [*[one] * 4, *[two] * 3, *[three] * 5])
    assert is_answered(db, two, three)


def test_a_yes_is_not_asked_again_when_the_people_are_parted(db: Session, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    answer(db, face(grouped, 0), face(grouped, 1), YES)
    version = get_person(db, one).version
    faces = grouped.people[two]
    moved = move_faces(db, one, faces, to=Elsewhere.NEW, version=version, now=NOW)
    assert moved.target is not None
    assert is_answered(db, one, moved.target.id)


def test_an_answer_for_people_who_changed_since_is_refused(db: Session, grouped: Grouped) -> None:
    one, two, three = grouped.ids
    faces = face(grouped, 0), face(grouped, 1)
    rename(db, one, "Anna")
    with pytest.raises(StaleVersion) as stale:
        answer(db, *faces, NO, versions={one: 1, two: 1})
    assert stale.value.current.name == "Anna"
    with pytest.raises(FacesElsewhere):
        answer(db, *faces, NO, versions={one: 2, three: 1})
    with pytest.raises(FacesElsewhere):
        answer(db, face(grouped, 0), grouped.ungrouped[0], NO, versions={one: 2, three: 1})
    assert count_answers(db) == 0
    answer(db, *faces, NO, versions={one: 2, two: 1})


def test_faces_of_one_person_and_faces_that_are_set_aside_are_refused(
    db: Session, grouped: Grouped
) -> None:
    first, second, _ = grouped.ungrouped
    with pytest.raises(FacesElsewhere):
        answer(db, face(grouped, 0), face(grouped, 0, 1), YES)
    db.execute(text("UPDATE face SET verdict = 'stranger' WHERE id = :id"), {"id": first})
    with pytest.raises(FacesElsewhere):
        answer(db, first, second, YES)


def test_an_answer_needs_two_faces_of_one_pack(engine: Engine, grouped: Grouped) -> None:
    other = fill_people(engine, 2, pack="other")
    first = grouped.ungrouped[0]
    with begin(engine) as db:
        with pytest.raises(ImpossibleChange):
            answer(db, first, first, YES)
        with pytest.raises(ImpossibleChange):
            answer(db, first, other.people[other.ids[0]][0], YES)
        with pytest.raises(NotFound):
            answer(db, first, 10**9, YES)


def test_erasing_a_person_erases_its_answers(db: Session, grouped: Grouped) -> None:
    one, two, three = grouped.ids
    answer(db, face(grouped, 0), face(grouped, 1), NO)
    answer(db, face(grouped, 0), grouped.ungrouped[0], NO)
    answer(db, face(grouped, 1), face(grouped, 2), NO)
    erase_person(db, one)
    assert list_answered(db, pack=PACK) == {frozenset((two, three))}
    assert count_answers(db) == 1


def test_erasing_a_session_erases_the_answers_about_its_faces(
    db: Session, grouped: Grouped
) -> None:
    answer(db, grouped.ungrouped[0], grouped.ungrouped[1], NO)
    answer(db, face(grouped, 0), face(grouped, 1), NO)
    erase_session(db, grouped.session_id)
    assert count_answers(db) == 0

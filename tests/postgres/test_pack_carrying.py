"""Decisions made with one pack hold for the same faces of another pack."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.identity.changes import Elsewhere, PersonEdit
from cluster.core.identity.faces import BoundingBox, FaceVerdict, match_boxes
from cluster.store.database.engine import begin
from cluster.store.people.change_history import find_last_change
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.pack_carrying import Carried, carry_decisions
from cluster.store.people.people_list import get_person, list_people
from cluster.store.people.person_edits import edit_person, merge_people
from cluster.store.people.same_places import list_same_faces
from cluster.store.people.undo_log import undo_change
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people, people_of_faces

NEW = "other"
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def old(engine: Engine) -> Grouped:
    """Two people (5 and 3 faces) and three ungrouped faces, in the order of the photos."""
    return fill_people(engine, 5, 3, ungrouped=3)


@pytest.fixture
def new(engine: Engine, old: Grouped) -> dict[int, int]:
    """Maps the faces of the old pack to those of another pack, which are not grouped yet."""
    fill_people(engine, ungrouped=11, pack=NEW)
    query = text(
        "SELECT o.id AS old, n.id AS new FROM face o JOIN face n USING (image_id)"
        " WHERE o.pack = :pack AND n.pack = :new"
    )
    with begin(engine) as db:
        rows = db.execute(query, {"pack": PACK, "new": NEW})
        return {row.old: row.new for row in rows}


def carry(db: Session, pack: str = NEW) -> Carried:
    return carry_decisions(db, pack=pack, now=LATER)


def name(db: Session, person_id: int, called: str | None) -> int | None:
    edit = PersonEdit.renaming(called)
    version = get_person(db, person_id).version
    return edit_person(db, person_id, edit, version=version, now=NOW).change_id


def put(db: Session, face_ids: list[int], *, pack: str = NEW) -> int:
    """Make one person of these faces, as clustering does; return its id."""
    query = text(
        "INSERT INTO person (pack, created_at, updated_at) VALUES (:pack, :now, :now) RETURNING id"
    )
    person_id: int = db.execute(query, {"pack": pack, "now": NOW}).scalar_one()
    place = text("UPDATE face SET person_id = :id WHERE id = ANY(:ids)")
    db.execute(place, {"id": person_id, "ids": face_ids})
    return person_id


def face(db: Session, face_id: int) -> tuple[Any, ...]:
    """A face's person, its verdict, and whether a user placed it."""
    query = text("SELECT person_id, verdict, placed_by_user FROM face WHERE id = :id")
    return tuple(db.execute(query, {"id": face_id}).one())


def test_without_another_pack_nothing_is_carried(db: Session, old: Grouped) -> None:
    judge_faces(db, old.ungrouped, FaceVerdict.HIDDEN, now=NOW)
    assert carry(db, pack=PACK) == Carried()


def test_verdicts_are_carried_and_those_of_this_pack_stay(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one, two, three = old.ungrouped
    judge_faces(db, [one, two], FaceVerdict.STRANGER, now=NOW)
    judge_faces(db, [three], FaceVerdict.NOT_A_FACE, now=NOW)
    judge_faces(db, [new[two]], FaceVerdict.HIDDEN, now=NOW)
    assert carry(db) == Carried(verdicts=2)
    assert face(db, new[one]) == (None, "stranger", True)
    assert face(db, new[two]) == (None, "hidden", True)
    assert face(db, new[three]) == (None, "not_a_face", True)
    assert carry(db) == Carried()


def test_a_verdict_that_was_taken_back_here_is_not_carried_again(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one = old.ungrouped[0]
    judge_faces(db, [one], FaceVerdict.STRANGER, now=NOW)
    carry(db)
    judge_faces(db, [new[one]], None, now=NOW)
    assert carry(db) == Carried()
    assert face(db, new[one]) == (None, None, False)


def test_placed_faces_go_to_the_person_of_the_same_name_who_is_added(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one, two = old.ids
    name(db, one, "Anna")
    moved = old.people[two][:2]
    move_faces(db, two, moved, to=one, version=1, now=NOW)
    details = text("UPDATE person SET birth_date = '2015-03-04', hidden = true WHERE id = :id")
    db.execute(details, {"id": one})
    assert carry(db) == Carried(placed=2)
    anna, _, placed = face(db, new[moved[0]])
    assert placed
    query = text("SELECT name, name_key, hidden, birth_date FROM person WHERE id = :id")
    assert tuple(db.execute(query, {"id": anna}).one()) == ("Anna", "anna", True, date(2015, 3, 4))
    assert face(db, new[moved[1]]) == (anna, None, True)
    assert face(db, new[old.people[one][0]]) == (None, None, False)
    assert carry(db) == Carried()


def test_placed_faces_leave_a_group_and_a_group_without_a_face_is_gone(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one, two = old.ids
    name(db, one, "anna")
    merge_people(db, one, [two], versions={one: 2, two: 1}, now=NOW)
    ids = [new[a] for a in [*old.people[one], *old.people[two]]]
    here, group = put(db, ids[:4]), put(db, ids[4:])
    name(db, here, "Anna")
    assert carry(db) == Carried(placed=8)
    assert [person.id for person in list_people(db, pack=NEW, limit=10)] == [here]
    assert get_person(db, here).name == "Anna"
    assert {person for person in people_of_faces(db, pack=NEW).values() if person} == {here}
    assert group not in {person.id for person in list_people(db, pack=NEW, limit=10)}


def test_faces_that_were_placed_here_stay_where_they_are(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one = old.ids[0]
    name(db, one, "Anna")
    move_ungrouped_faces(db, old.ungrouped, to=one, pack=PACK, now=NOW)
    here = new[old.ungrouped[0]]
    target = move_ungrouped_faces(db, [here], to=Elsewhere.NEW, pack=NEW, now=NOW).target
    assert target
    assert carry(db) == Carried(placed=2)
    assert face(db, here)[0] == target.id


def test_a_face_that_a_user_ungrouped_stays_ungrouped(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one = old.ids[0]
    out = old.people[one][0]
    move_faces(db, one, [out], to=Elsewhere.UNGROUPED, version=1, now=NOW)
    put(db, [new[a] for a in old.people[one]])
    assert carry(db) == Carried(placed=1)
    assert face(db, new[out]) == (None, None, True)


@pytest.mark.parametrize(
    ("same", "others", "is_named"), [(2, 2, True), (2, 3, False), (1, 0, False)]
)
def test_a_person_gets_the_name_of_half_of_its_faces_and_two_at_least(
    db: Session, old: Grouped, new: dict[int, int], same: int, others: int, is_named: bool
) -> None:
    """Faces that belong to nobody in the other pack have no vote."""
    one, two = old.ids
    name(db, one, "Anna")
    faces = [*old.people[one][:same], *old.people[two][:others], *old.ungrouped]
    here = put(db, [new[a] for a in faces])
    assert carry(db) == Carried(named=int(is_named))
    assert get_person(db, here).name == ("Anna" if is_named else None)
    assert not any(face(db, new[a])[2] for a in faces)
    assert carry(db) == Carried()


def test_of_two_people_the_one_with_more_votes_gets_the_name(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    name(db, old.ids[0], "Anna")
    faces = [new[a] for a in old.people[old.ids[0]]]
    few, many = put(db, faces[:2]), put(db, faces[2:])
    assert carry(db) == Carried(named=1)
    assert (get_person(db, few).name, get_person(db, many).name) == (None, "Anna")


def test_names_that_were_given_or_removed_here_stay(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one, two = old.ids
    name(db, one, "Anna")
    name(db, two, "Bea")
    here, other = (put(db, [new[a] for a in old.people[who]]) for who in (one, two))
    name(db, here, "Ann")
    assert carry(db) == Carried(named=1)
    name(db, other, None)
    assert carry(db) == Carried()
    assert (get_person(db, here).name, get_person(db, other).name) == ("Ann", None)


def test_a_person_with_the_name_gets_the_birth_date_that_it_lacks(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    name(db, old.ids[0], "Anna")
    db.execute(text("UPDATE person SET birth_date = '2015-03-04' WHERE name = 'Anna'"))
    here = put(db, list(new.values()))
    name(db, here, "ANNA")
    version = get_person(db, here).version
    assert carry(db) == Carried()
    query = text("SELECT birth_date FROM person WHERE id = :id")
    assert db.execute(query, {"id": here}).scalar_one() == date(2015, 3, 4)
    carry(db)
    assert get_person(db, here).version == version + 1


def test_the_newest_decision_of_several_packs_wins(
    engine: Engine, db: Session, old: Grouped, new: dict[int, int]
) -> None:
    """[16] The third pack gets the latest decision, whichever pack it was made with."""
    first, second, _ = old.ungrouped
    judge_faces(db, [first], FaceVerdict.STRANGER, now=NOW)
    judge_faces(db, [new[first]], FaceVerdict.HIDDEN, now=LATER)
    judge_faces(db, [second], FaceVerdict.STRANGER, now=LATER)
    judge_faces(db, [new[second]], FaceVerdict.HIDDEN, now=NOW)
    db.commit()
    third = fill_people(engine, ungrouped=11, pack="third")
    query = text(
        "SELECT t.verdict FROM face o JOIN face t USING (image_id)"
        " WHERE o.id = :id AND t.id = ANY(:ids)"
    )
    with begin(engine) as later:
        assert carry(later, pack="third") == Carried(verdicts=2)
        carried = [
            later.execute(query, {"id": one, "ids": third.ungrouped}).scalar_one()
            for one in (first, second)
        ]
    assert carried == ["hidden", "stranger"]


def test_a_no_is_carried_once_and_other_answers_are_not(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one, two = (people[0] for people in old.people.values())
    three = old.ungrouped[0]
    query = text(
        "INSERT INTO face_answer (pack, first_face_id, second_face_id, first_person_id, answer,"
        " answered_at) VALUES (:pack, :first, :second, :person, :answer, :now)"
    )
    person = old.ids[0]
    for first, second, answer in (
        (one, two, "no"),
        (two, one, "no"),
        (one, three, "not_sure"),
        (two, three, "yes"),
        (None, three, "no"),
    ):
        key = {"first": first, "second": second, "person": person if first is None else None}
        db.execute(query, {**key, "pack": PACK, "answer": answer, "now": NOW})
    here = put(db, [new[one]])
    assert carry(db) == Carried(answers=2)
    added = text(
        "SELECT first_face_id, second_face_id, first_person_id, answer FROM face_answer"
        " WHERE pack = :pack ORDER BY id"
    )
    rows = [tuple(row) for row in db.execute(added, {"pack": NEW})]
    assert {frozenset(row[:2]) for row in rows} == {
        frozenset((new[one], new[two])),
        frozenset((new[one], new[three])),
    }
    assert {row[3] for row in rows} == {"no"}
    assert here in {row[2] for row in rows}
    assert carry(db) == Carried()


def test_what_is_carried_is_no_change_of_a_user(
    db: Session, old: Grouped, new: dict[int, int]
) -> None:
    one = old.ids[0]
    name(db, one, "Anna")
    move_ungrouped_faces(db, old.ungrouped, to=one, pack=PACK, now=NOW)
    here = put(db, [new[a] for a in old.people[one]])
    change_id = edit_person(db, here, PersonEdit.hiding(True), version=1, now=NOW).change_id
    assert carry(db) == Carried(placed=3, named=1)
    last = find_last_change(db, pack=NEW)
    assert last is not None
    assert change_id == last.id
    undo_change(db, last.id, now=NOW)
    assert get_person(db, here).hidden is False


@pytest.mark.parametrize("seed", range(3))
def test_faces_are_the_same_where_match_boxes_says_so(
    engine: Engine, db: Session, new: dict[int, int], seed: int
) -> None:
    """All faces lie in one photo, close to each other."""
    random = Random(seed)
    boxes: dict[str, dict[int, BoundingBox]] = {PACK: {}, NEW: {}}
    for face_id, pack in db.execute(text("SELECT id, pack FROM face ORDER BY id")).all():
        left, top = random.randint(0, 40), random.randint(0, 20)
        box = BoundingBox(left, top, left + random.randint(20, 40), top + random.randint(20, 40))
        boxes[pack][face_id] = box
        query = text(
            "UPDATE face SET image_id = (SELECT min(id) FROM image), box_left = :left,"
            " box_top = :top, box_right = :right, box_bottom = :bottom WHERE id = :id"
        )
        sides = {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}
        db.execute(query, {"id": face_id, **sides})
    theirs, ours = list(boxes[PACK]), list(boxes[NEW])
    matches = match_boxes(list(boxes[PACK].values()), list(boxes[NEW].values()))
    wanted = {(ours[n], theirs[o]) for n, o in matches.items()}
    found = {(pair.face_id, pair.other_id) for pair in list_same_faces(db, pack=NEW)}
    assert found == wanted
    assert wanted

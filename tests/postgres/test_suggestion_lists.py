"""Suggestions from the faces in the database, none of which is asked twice."""

from __future__ import annotations

from threading import Event

import pytest
from sqlalchemy import Engine, text

from cluster.core.errors import BadSetting
from cluster.core.identity.changes import Elsewhere, PersonEdit
from cluster.core.identity.same_person import SuggestionKind
from cluster.core.identity.thresholds import PackThresholds
from cluster.store.database.engine import begin
from cluster.store.people.answer_rows import list_answered
from cluster.store.people.face_moves import move_faces
from cluster.store.people.person_edits import edit_person
from cluster.store.people.undo_log import undo_change
from cluster.store.suggestions import side_vectors
from serve import suggestion_lists
from serve.suggestion_lists import SuggestionList, SuggestionLists
from tests.library import NOW, PACK
from tests.people import half_alike
from tests.suggested import NO, NOT_SURE, YES, Circle, answer, asked, fill_circle, read_open
from tests.waiting import PATIENT_S, wait_until

ANGLES = (0, 1, 2, 20, 21, 22, 100, 101, 102, 120, 200, 220, 290)
PEOPLE = (1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0, 0, 0)


@pytest.fixture
def circle(engine: Engine) -> Circle:
    """Two people alike, a face like a third person, two faces alike, and one like no other."""
    return fill_circle(engine, ANGLES, PEOPLE)


def kinds(engine: Engine) -> list[SuggestionKind]:
    return [one.kind for one in read_open(engine).suggestions]


def test_each_kind_of_suggestion_is_made_the_most_useful_first(
    engine: Engine, circle: Circle
) -> None:
    found = read_open(engine)
    assert [one.kind for one in found.suggestions] == ["people", "place", "pair"]
    people, place, pair = found.suggestions
    assert {people.first.person.id, people.second.person.id} == set(circle.people[:2])  # type: ignore[union-attr]
    assert (people.settles, place.settles, pair.settles) == (3, 1, 1)
    assert place.second.face.id == circle.face_ids[9]
    assert pair.first.person is None
    assert 0.9 < people.likeness.similarity <= 1
    assert found.total == 3


@pytest.mark.parametrize("said", [YES, NO, NOT_SURE])
def test_nothing_is_asked_twice_also_by_a_replica_that_starts_anew(
    engine: Engine, circle: Circle, said: str
) -> None:
    seen: set[frozenset[int]] = set()
    while found := read_open(engine).suggestions:
        one = found[0]
        faces = frozenset((one.first.face.id, one.second.face.id))
        assert faces not in seen
        seen.add(faces)
        with begin(engine) as db:
            answer(db, one.first.face.id, one.second.face.id, said)  # type: ignore[arg-type]
    assert len(seen) == 3


def test_a_list_that_is_older_than_an_answer_does_not_ask_it(
    engine: Engine, circle: Circle
) -> None:
    lists = SuggestionLists(thresholds_of=half_alike)
    before = lists.find(engine, PACK)
    one = read_open(engine).suggestions[0]
    with begin(engine) as db:
        answer(db, one.first.face.id, one.second.face.id, NO)
    lists._lists[PACK] = SuggestionList(before.likenesses, before.state, 1000, 0)  # type: ignore[union-attr]
    lists.clock = lambda: 1.0
    assert lists.find(engine, PACK) is lists._lists[PACK]
    assert kinds(engine) == ["place", "pair"]


def test_what_an_undo_takes_back_is_asked_again(engine: Engine, circle: Circle) -> None:
    before = asked(engine)
    one = read_open(engine).suggestions[0]
    with begin(engine) as db:
        done = answer(db, one.first.face.id, one.second.face.id, YES)
    assert len(asked(engine)) == 2
    with begin(engine) as db:
        undo_change(db, done.change_id, now=NOW)
    assert asked(engine) == before


def test_hidden_people_and_faces_set_aside_are_not_suggested(
    engine: Engine, circle: Circle
) -> None:
    lists = SuggestionLists(thresholds_of=half_alike)
    old = lists.find(engine, PACK)
    assert old is not None
    with begin(engine) as db:
        edit_person(db, circle.people[0], PersonEdit.hiding(True), version=1, now=NOW)
        aside = {"ids": [circle.face_ids[9], circle.face_ids[10]]}
        db.execute(text("UPDATE face SET verdict = 'stranger' WHERE id = ANY(:ids)"), aside)
    assert kinds(engine) == []


def test_faces_in_missing_photos_are_not_suggested(engine: Engine, circle: Circle) -> None:
    with begin(engine) as db:
        key = {"id": circle.face_ids[9], "now": NOW}
        db.execute(
            text(
                "UPDATE image SET missing_since = :now"
                " WHERE id = (SELECT image_id FROM face WHERE id = :id)"
            ),
            key,
        )
    assert kinds(engine) == ["people", "pair"]


def test_a_face_that_a_user_took_from_its_person_is_left_alone(
    engine: Engine, circle: Circle
) -> None:
    with begin(engine) as db:
        faces = circle.face_ids[6:7]
        move_faces(db, circle.people[2], faces, to=Elsewhere.UNGROUPED, version=1, now=NOW)
    suggested = {one for pair in asked(engine) for one in pair}
    assert circle.face_ids[6] not in suggested


def test_faces_of_low_quality_are_suggested_with_their_person_only(
    engine: Engine, circle: Circle
) -> None:
    with begin(engine) as db:
        db.execute(text("UPDATE face SET quality = 0.1"))
    assert kinds(engine) == ["people"]


def test_who_else_is_in_the_photos_is_told(engine: Engine, circle: Circle) -> None:
    with begin(engine) as db:
        key = {"to": circle.face_ids[6], "id": circle.face_ids[10]}
        to = "SELECT image_id FROM face WHERE id = :to"
        db.execute(text(f"UPDATE face SET image_id = ({to}) WHERE id = :id"), key)
    pair = read_open(engine).suggestions[-1]
    told = {side.face.id: side.companions for side in (pair.first, pair.second)}
    [companion] = told[circle.face_ids[10]]
    assert (companion.person_id, companion.name) == (circle.people[2], None)
    assert told[circle.face_ids[11]] == ()


def test_a_large_person_is_compared_by_its_best_faces_and_counted_whole(
    engine: Engine, circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_vectors, "FACES_EACH", 2)
    monkeypatch.setattr(side_vectors, "UNGROUPED", 3)
    monkeypatch.setattr(side_vectors, "BATCH", 2)
    with begin(engine) as db:
        faces = side_vectors.load_side_vectors(db, pack=PACK, min_quality=0.0)
    assert len(faces.face_ids) == 9
    assert set(faces.sizes[faces.person_ids > 0].tolist()) == {3}
    assert abs((faces.vectors**2).sum(axis=1) - 1).max() < 1e-6


def test_a_pack_without_faces_has_no_suggestions(engine: Engine) -> None:
    assert read_open(engine, pack="none").total == 0


def test_a_request_does_not_wait_for_a_list_that_takes_long(
    engine: Engine, circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggestion_lists, "COMPUTATION_TIMEOUT_S", 0.0)
    may_end = Event()

    def find_thresholds(pack: str) -> PackThresholds:
        may_end.wait(PATIENT_S)
        return half_alike(pack)

    lists = SuggestionLists(thresholds_of=find_thresholds)
    assert lists.find(engine, PACK) is None
    may_end.set()
    found = wait_until(lambda: lists.find(engine, PACK), "the list is ready")
    assert len(found.likenesses) == 3  # type: ignore[union-attr]


def test_a_list_that_took_long_is_not_computed_after_each_answer(
    engine: Engine, circle: Circle
) -> None:
    times = iter(range(100, 10_000, 10))
    lists = SuggestionLists(thresholds_of=half_alike, clock=lambda: float(next(times)))
    before = lists.find(engine, PACK)
    one = read_open(engine).suggestions[0]
    with begin(engine) as db:
        answer(db, one.first.face.id, one.second.face.id, NO)
    for _ in range(8):
        assert lists.find(engine, PACK) is before
    wait_until(lambda: lists.find(engine, PACK) is not before, "the list has been computed again")


def test_an_error_of_a_computation_reaches_the_request(engine: Engine, circle: Circle) -> None:
    def refuse(pack: str) -> PackThresholds:
        raise BadSetting("pack", "there is no such pack.")

    with pytest.raises(BadSetting):
        SuggestionLists(thresholds_of=refuse).find(engine, PACK)


def test_an_answer_about_a_face_that_is_not_compared_hides_no_other_question(
    engine: Engine, circle: Circle
) -> None:
    """A face just before it in the database was answered, and later got too low a quality."""
    place, before, pair, _ = circle.face_ids[9:]
    with begin(engine) as db:
        answer(db, place, pair, NO)
        answer(db, before, circle.face_ids[12], NO)
        key = {"ids": [place, circle.face_ids[12]]}
        db.execute(text("UPDATE face SET quality = 0.1 WHERE id = ANY(:ids)"), key)
        faces = side_vectors.load_side_vectors(db, pack=PACK, min_quality=0.3)
        codes = suggestion_lists.code_answered(faces, list_answered(db, pack=PACK))
    count = len(faces.face_ids)
    rows = {face: row for row, face in enumerate(faces.face_ids.tolist())}
    expected = [[-1 - count, -1 - rows[pair]], [-1 - count, -1 - rows[before]]]
    assert sorted(map(sorted, codes.tolist())) == sorted(expected)
    assert frozenset((before, pair)) in asked(engine)

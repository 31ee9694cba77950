"""An import gives people what they lack, and never overrules what a user decided here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.core.identity.changes import Answer, Elsewhere, PersonEdit
from cluster.core.identity.faces import FaceVerdict
from cluster.core.identity.same_person import GivenAnswer
from cluster.store.database.engine import begin
from cluster.store.decisions.kept_list import count_kept, forget_kept
from cluster.store.erasing import erase_all, erase_person
from cluster.store.people.answers import record_answer
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import edit_person, merge_people
from tests.decided import export, fill_decided, index_more, refill, take_in
from tests.library import NOW, PACK
from tests.people import Album, people_of_faces
from tests.postgres.decided_libraries import list_decisions, place_later, waiting


def name(engine: Engine, person_id: int, called: str) -> None:
    with begin(engine) as db:
        version = get_person(db, person_id).version
        edit_person(db, person_id, PersonEdit.renaming(called), version=version, now=NOW)


def rows(engine: Engine, query: str, **key: object) -> list[tuple[Any, ...]]:
    with begin(engine) as db:
        return [tuple(row) for row in db.execute(text(query), key)]


def count_left(report: Any) -> Mapping[tuple[DecisionKind, LeftReason], int]:
    return {(one.kind, one.reason): one.count for one in report.left}


@pytest.fixture
def album(engine: Engine) -> Album:
    """Anna (1) with three faces and Bea (2) with two, who were only named; one ungrouped face."""
    album = fill_decided(engine, [1], [1], [1], [2], [2], [0])
    for number, called in enumerate(("Anna", "Bea"), start=1):
        name(engine, album.people[number], called)
    return album


def test_a_person_with_the_same_name_is_the_same_and_keeps_what_it_has(
    engine: Engine, album: Album
) -> None:
    with begin(engine) as db:
        edit = PersonEdit.hiding(None).with_birth_date(date(1990, 1, 1))
        edit_person(db, album.people[1], edit, version=2, now=NOW)
        edit_person(db, album.people[2], edit, version=2, now=NOW)
    before = export(engine)
    here = refill(engine, [1], [1], [0], [0], [0], [0])
    name(engine, here.people[1], "ANNA")
    with begin(engine) as db:
        edit = PersonEdit.hiding(None).with_birth_date(date(1991, 1, 1))
        edit_person(db, here.people[1], edit, version=2, now=NOW)
    report = take_in(engine, before)
    people = rows(engine, "SELECT name, birth_date FROM person ORDER BY name")
    assert people == [("ANNA", date(1991, 1, 1)), ("Bea", date(1990, 1, 1))]
    assert count_left(report) == {(DecisionKind.PERSON, LeftReason.ATTRIBUTES_HERE): 1}
    assert waiting(engine) == 1


def test_a_name_that_was_there_before_is_never_overwritten(engine: Engine, album: Album) -> None:
    before = export(engine)
    here = refill(engine, [1], [1], [1], [2], [2], [0])
    name(engine, here.people[1], "Anne")
    report = take_in(engine, before)
    assert rows(engine, "SELECT name FROM person ORDER BY name") == [("Anne",), ("Bea",)]
    assert count_left(report) == {(DecisionKind.PERSON, LeftReason.NAMED_HERE): 1}
    assert [(left.name, left.reason) for left in report.listed] == [("Anna", "named_here")]


def test_a_face_that_a_user_placed_here_is_not_moved(engine: Engine, album: Album) -> None:
    with begin(engine) as db:
        one, two = album.of(1, 2)
        move_faces(db, one, album.face_ids[0], to=two, version=2, now=NOW)
    before = export(engine)
    here = refill(engine, *([0],) * 6)
    with begin(engine) as db:
        face = here.face_ids[0]
        moved = move_ungrouped_faces(db, face, to=Elsewhere.NEW, pack=PACK, now=NOW)
        assert moved.target is not None
        edit_person(db, moved.target.id, PersonEdit.renaming("Carl"), version=1, now=NOW)
    report = take_in(engine, before)
    assert people_of(engine)[face[0]] == moved.target.id
    assert count_left(report) == {(DecisionKind.FACE, LeftReason.PLACED_HERE): 1}
    assert not take_in(engine, before).has_changed
    assert waiting(engine) == 1


def people_of(engine: Engine) -> dict[int, int | None]:
    with begin(engine) as db:
        return people_of_faces(db)


def test_what_was_erased_there_is_erased_here_and_stays_so(engine: Engine, album: Album) -> None:
    with begin(engine) as db:
        erase_person(db, album.people[2])
    before = export(engine)
    refill(engine, [1], [1], [1], [2], [2], [0])
    report = take_in(engine, before)
    assert report.erased == 2
    assert len(people_of(engine)) == 4
    assert rows(engine, "SELECT name FROM person") == [("Anna",)]
    assert rows(engine, "SELECT sum(faces) FROM detection") == [(4,)]


def test_what_was_erased_there_stays_with_a_person_who_has_a_name_here(
    engine: Engine, album: Album
) -> None:
    with begin(engine) as db:
        erase_person(db, album.people[2])
    before = export(engine)
    here = refill(engine, [1], [1], [1], [2], [2], [0])
    name(engine, here.people[2], "Bea")
    report = take_in(engine, before)
    assert len(people_of(engine)) == 6
    assert count_left(report) == {(DecisionKind.ERASED, LeftReason.KEPT_HERE): 2}


def test_a_face_that_was_erased_here_does_not_come_back_and_its_decision_is_not_kept(
    engine: Engine, album: Album
) -> None:
    with begin(engine) as db:
        merge_people(db, album.people[1], [album.people[2]],
                     versions={album.people[1]: 2, album.people[2]: 2}, now=NOW)  # fmt: skip
    before = export(engine)
    here = refill(engine, [1], [1], [1], [2], [2], [0])
    with begin(engine) as db:
        erase_person(db, here.people[2])
    report = take_in(engine, before)
    assert count_left(report) == {(DecisionKind.FACE, LeftReason.ERASED_HERE): 2}
    assert len(people_of(engine)) == 4
    assert waiting(engine) == 0


def test_erasing_a_person_erases_the_decisions_that_wait_for_it(
    engine: Engine, album: Album
) -> None:
    before = export(engine)
    refill(engine, [1], [1])
    take_in(engine, before)
    anna = rows(engine, "SELECT id FROM person WHERE name = 'Anna'")[0][0]
    assert "Anna" in str(rows(engine, "SELECT decision FROM kept_decision"))
    with begin(engine) as db:
        erase_person(db, anna)
    kept = str(rows(engine, "SELECT decision FROM kept_decision"))
    assert "Anna" not in kept
    assert "Bea" in kept


def test_what_waits_can_be_forgotten(engine: Engine, album: Album) -> None:
    before = export(engine)
    with begin(engine) as db:
        erase_all(db)
    take_in(engine, before)
    with begin(engine) as db:
        assert forget_kept(db) > 0
        assert count_kept(db) == 0


def test_a_photo_that_was_turned_by_its_metadata_keeps_its_decisions(
    engine: Engine, album: Album
) -> None:
    """Here, the same pixels have another orientation, so that the boxes lie elsewhere."""
    with begin(engine) as db:
        judge_faces(db, album.face_ids[5], FaceVerdict.STRANGER, now=NOW)
    before = export(engine)
    refill(engine, *([0],) * 6)
    with begin(engine) as db:
        # Upright pictures of 400 x 300 become 300 x 400, turned clockwise: x' = 300 - y, y' = x.
        db.execute(text("UPDATE image SET orientation = 6, width = height, height = width"))
        db.execute(text("UPDATE file SET sha256 = sha256(sha256)"))
        db.execute(text(
            "UPDATE face SET box_left = 300 - box_bottom, box_right = 300 - box_top,"
            " box_top = box_left, box_bottom = box_right"
        ))  # fmt: skip
    report = take_in(engine, before)
    assert not report.left
    assert list_decisions(before).keys() & list_decisions(export(engine)).keys()
    assert rows(engine, "SELECT count(*) FROM face WHERE verdict = 'stranger'") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM face WHERE person_id IS NOT NULL") == [(5,)]


def test_decisions_about_a_photo_hold_where_another_copy_represents_it(
    engine: Engine, album: Album
) -> None:
    """Here, the photo with Anna's first face is a duplicate of a photo twice as large."""
    with begin(engine) as db:
        move_faces(db, album.people[1], album.face_ids[0], to=album.people[2], version=2, now=NOW)
    before = export(engine)
    here = refill(engine, [0], [0], [0], [0], [0], [0])
    with begin(engine) as db:
        small = here.image_ids[0]
        large = db.execute(text(
            "INSERT INTO image (content, orientation, width, height, phash, dhash, blocks,"
            " thumbnail) SELECT sha256(content), 1, 800, 600, phash, dhash, blocks, thumbnail"
            " FROM image WHERE id = :id RETURNING id"
        ), {"id": small}).scalar_one()  # fmt: skip
        key = {"small": small, "large": large}
        db.execute(text("UPDATE image SET duplicate_of = :large WHERE id = :small"), key)
        db.execute(text(
            "UPDATE face SET image_id = :large, box_left = 2 * box_left, box_top = 2 * box_top,"
            " box_right = 2 * box_right, box_bottom = 2 * box_bottom WHERE image_id = :small"
        ), key)  # fmt: skip
    report = take_in(engine, before)
    assert not report.left
    bea = rows(engine, "SELECT id FROM person WHERE name = 'Bea'")[0][0]
    assert people_of(engine)[here.face_ids[0][0]] == bea


def test_answers_are_kept_for_faces_that_are_not_there_yet(engine: Engine, album: Album) -> None:
    with begin(engine) as db:
        for face, answer in ((album.face_ids[3][0], Answer.NO), (album.face_ids[5][0], "no")):
            given = GivenAnswer(
                first_face_id=album.face_ids[0][0], second_face_id=face, answer=Answer(answer)
            )
            record_answer(db, given, now=NOW)
    before = export(engine)
    refill(engine, [0], [0])
    take_in(engine, before)
    assert rows(engine, "SELECT count(*) FROM face_answer") == [(0,)]
    index_more(engine, *([0],) * 6)
    place_later(engine)
    assert rows(engine, "SELECT answer, count(*) FROM face_answer GROUP BY 1") == [("no", 2)]
    assert waiting(engine) == 0


def test_an_import_outdates_what_clients_saw_of_people(engine: Engine, album: Album) -> None:
    before = export(engine)
    here = refill(engine, [1], [1], [1], [2], [2], [0])
    take_in(engine, before)
    with begin(engine) as db:
        assert get_person(db, here.people[1]).version > 1

"""A picture that is turned, saved again or cropped keeps its people; erased faces stay so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.placements import Likeness, Placement, Relation, scaling, turning
from cluster.store.erasing import erase_person
from tests.postgres.sessions_over_files import (
    BOX,
    box_of,
    check_kept,
    count_detected,
    face_at,
    look,
    name_faces,
    picture,
    rows,
)


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_turned_picture_turns_its_faces(db: Session, turn: int) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    face_id, person_id = name_faces(db)
    db.execute(
        text("INSERT INTO erased_face VALUES (DEFAULT, (SELECT id FROM image), 10, 20, 30, 40)")
    )
    before = rows(db, "SELECT id FROM image")
    placement = turning(turn, 400, 300)
    width, height = (300, 400) if turn >= 5 else (400, 300)
    turned = picture("a", sha256=b"turned" * 5, orientation=turn, width=width, height=height)
    held = replace(turned, relation=Relation(Likeness.EQUAL, placement, turn))
    session_id = look(db, {"a": held}, times={"a": 200})
    assert count_detected(db, session_id) == 0
    check_kept(db, face_id, person_id)
    assert rows(db, "SELECT id FROM image") == before
    assert box_of(db, face_id) == placement.place_box(BOX)
    assert bytes(rows(db, "SELECT crop FROM face")[0][0]).endswith(b" turned by %d" % turn)
    erased = placement.place_box(BoundingBox(10, 20, 30, 40))
    query = "SELECT box_left, box_top, box_right, box_bottom FROM erased_face"
    assert rows(db, query) == [(erased.left, erased.top, erased.right, erased.bottom)]


@pytest.mark.parametrize(
    ("likeness", "placement"),
    [
        pytest.param(Likeness.SAME, scaling(0.5, 0.5), id="resized"),
        pytest.param(Likeness.PART, Placement(1, 0, -80, 0, 1, -40), id="cropped"),
    ],
)
def test_a_picture_that_was_saved_again_keeps_its_people(
    db: Session, likeness: Likeness, placement: Placement
) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX, 1)])})
    kept = name_faces(db)
    before = rows(db, "SELECT id FROM image")
    moved = placement.place_box(BOX)
    shifted = BoundingBox(moved.left + 2, moved.top - 1, moved.right + 1, moved.bottom + 2)
    faces = [face_at(shifted, 1), face_at(BoundingBox(0, 0, 20, 20), 2)]
    saved = picture("a saved", faces=faces, width=200, height=150)
    held = replace(saved, relation=Relation(likeness, placement))
    session_id = look(db, {"a": held}, times={"a": 200})
    assert count_detected(db, session_id) == 1
    assert rows(db, "SELECT id FROM image") == before
    assert rows(db, f"SELECT person_id, placed_by_user FROM face WHERE id = {kept[0]}") == [
        (kept[1], True)
    ]
    assert rows(db, "SELECT count(*) FROM face") == [(2,)]
    assert box_of(db, kept[0]) == shifted


def test_a_face_that_moved_within_its_picture_is_found_again_by_its_vector(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX, 1)])})
    kept = name_faces(db)
    elsewhere = BoundingBox(150, 100, 230, 200)
    saved = picture("a saved", faces=[face_at(elsewhere, 1)])
    relation = Relation(Likeness.PART, scaling(1.0, 1.0))
    look(db, {"a": replace(saved, relation=relation)}, times={"a": 200})
    check_kept(db, *kept)
    assert box_of(db, kept[0]) == elsewhere


def test_what_was_erased_stays_erased_when_the_picture_is_cropped(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    _, person_id = name_faces(db)
    erase_person(db, person_id)
    crop = Placement(1, 0, -80, 0, 1, -40)
    part = picture("a cropped", faces=[face_at(crop.place_box(BOX))])
    relation = Relation(Likeness.PART, crop)
    look(db, {"a": replace(part, relation=relation)}, times={"a": 200})
    assert rows(db, "SELECT count(*) FROM face") == [(0,)]


def test_a_crop_beside_a_copy_is_a_new_photo_in_which_what_was_erased_stays_so(
    db: Session,
) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "copy": picture("a")})
    _, person_id = name_faces(db)
    erase_person(db, person_id)
    crop = Placement(1, 0, -80, 0, 1, -40)
    part = picture("a cropped", faces=[face_at(crop.place_box(BOX))])
    relation = Relation(Likeness.PART, crop)
    look(db, {"a": replace(part, relation=relation), "copy": None}, times={"a": 200})
    assert rows(db, "SELECT count(*), count(missing_since) FROM image") == [(2, 0)]
    assert rows(db, "SELECT count(*) FROM face") == [(0,)]


def test_a_copy_of_the_old_picture_that_comes_back_after_a_crop_is_not_the_crop(
    db: Session,
) -> None:
    others = dict.fromkeys("xyz")
    first = {"a": picture("a", faces=[face_at(BOX)]), "copy": picture("a")}
    look(db, first | {n: picture(n) for n in others})
    look(db, {"a": None, **others})
    crop = Relation(Likeness.PART, Placement(1, 0, -80, 0, 1, -40))
    part = replace(picture("a cropped", width=200, height=150), relation=crop)
    look(db, {"a": part, **others}, times={"a": 200})
    look(db, {"a": None, "copy": picture("a"), **others}, times={"a": 200})
    query = "SELECT count(DISTINCT image_id) FROM file WHERE path ~ '/(a|copy).jpg'"
    assert rows(db, f"{query} AND NOT superseded") == [(2,)]

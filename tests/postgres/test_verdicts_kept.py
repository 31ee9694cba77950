"""A verdict on a face holds, whatever happens to the files of its photo."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, FaceVerdict
from cluster.core.pictures.placements import Likeness, Placement, Relation, scaling, turning
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.found_faces import FoundFaces
from cluster.store.people.redetected_faces import keep_redetected
from tests.library import NOW, PACK, make_face
from tests.postgres.sessions_over_files import BOX, box_of, face_at, look, picture, rows, turned

ELSEWHERE = BoundingBox(10, 10, 40, 40)


@pytest.fixture
def face_id(db: Session) -> int:
    """The only face, with the verdict that it is not a face."""
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    return judge_only_face(db)


def judge_only_face(db: Session) -> int:
    ((face_id,),) = rows(db, "SELECT id FROM face")
    judge_faces(db, [face_id], FaceVerdict.NOT_A_FACE, now=NOW)
    return int(face_id)


def check_kept(db: Session, face_id: int) -> None:
    query = "SELECT id, person_id, placed_by_user, verdict FROM face WHERE verdict IS NOT NULL"
    assert rows(db, query) == [(face_id, None, True, "not_a_face")]


def test_it_holds_when_the_file_is_touched_or_its_metadata_are_written(
    db: Session, face_id: int
) -> None:
    look(db, {"a": picture("a")}, times={"a": 200})
    check_kept(db, face_id)
    written = replace(picture("a", sha256=b"other" * 6), relation=Relation(Likeness.EQUAL, None))
    look(db, {"a": written}, times={"a": 300})
    check_kept(db, face_id)
    assert rows(db, "SELECT count(*) FROM face") == [(1,)]


def test_it_holds_when_the_file_is_moved(db: Session, face_id: int) -> None:
    look(db, {"b": picture("a")}, times={"b": 100})
    check_kept(db, face_id)


@pytest.mark.parametrize(
    ("likeness", "placement"),
    [
        pytest.param(Likeness.SAME, scaling(0.5, 0.5), id="resized"),
        pytest.param(Likeness.PART, Placement(1, 0, -80, 0, 1, -40), id="cropped"),
    ],
)
def test_it_holds_when_the_picture_is_saved_again(
    db: Session, face_id: int, likeness: Likeness, placement: Placement
) -> None:
    moved = placement.place_box(BOX)
    faces = [face_at(moved, 1), face_at(BoundingBox(0, 0, 20, 20), 2)]
    saved = picture("a saved", faces=faces, width=200, height=150)
    look(db, {"a": replace(saved, relation=Relation(likeness, placement))}, times={"a": 200})
    check_kept(db, face_id)
    assert box_of(db, face_id) == moved
    assert rows(db, "SELECT count(*) FROM face") == [(2,)]


def test_it_holds_when_the_face_is_not_found_again(db: Session, face_id: int) -> None:
    saved = picture("a saved", faces=[face_at(ELSEWHERE, 2)])
    relation = Relation(Likeness.SAME, scaling(1.0, 1.0))
    look(db, {"a": replace(saved, relation=relation)}, times={"a": 200})
    check_kept(db, face_id)
    assert rows(db, "SELECT count(*) FROM face") == [(2,)]


@pytest.mark.parametrize("turn", range(2, 9))
def test_it_holds_when_the_picture_is_turned(db: Session, face_id: int, turn: int) -> None:
    placement = turning(turn, 400, 300)
    side = {"width": 300, "height": 400} if turn > 4 else {}
    relation = Relation(Likeness.EQUAL, placement, turn)
    other = picture("a", sha256=b"other" * 6, orientation=turn, **side)
    held = replace(other, relation=relation)
    look(db, {"a": held}, times={"a": 200})
    check_kept(db, face_id)
    assert box_of(db, face_id) == placement.place_box(BOX)


def test_it_holds_when_a_duplicate_takes_the_place_of_the_photo(db: Session) -> None:
    small = picture("a", sha256=b"small" * 6, content=b"small" * 6, width=200, height=150)
    others = {n: picture(n) for n in "xyz"}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "small": small, **others}, times={"a": 1})
    face_id = judge_only_face(db)
    look(db, {"small": None, **dict.fromkeys("xyz")})
    check_kept(db, face_id)
    assert box_of(db, face_id) == BOX.scaled(0.5)


def test_it_holds_when_a_turned_copy_takes_the_place_of_the_photo(db: Session) -> None:
    others = {n: picture(n) for n in "xyz"}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), **others})
    face_id = judge_only_face(db)
    look(db, {"a": None, "copy": turned("a", 6, faces=[face_at(BOX, 2)]), **dict.fromkeys("xyz")})
    look(db, {"copy": None, **dict.fromkeys("xyz")})
    check_kept(db, face_id)
    assert box_of(db, face_id) == turning(6, 400, 300).place_box(BOX)


def test_it_holds_when_the_photo_is_missing_and_comes_back(db: Session) -> None:
    others = {n: picture(n) for n in "xyz"}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), **others})
    face_id = judge_only_face(db)
    look(db, dict.fromkeys("xyz"))
    look(db, {"a": picture("a"), **dict.fromkeys("xyz")})
    check_kept(db, face_id)


@pytest.mark.parametrize("box", [BOX, ELSEWHERE], ids=["there", "elsewhere"])
def test_it_holds_when_the_photo_is_searched_again(
    db: Session, face_id: int, box: BoundingBox
) -> None:
    """Face detection was restarted. A face in the same place takes over the row."""
    ((image_id,),) = rows(db, "SELECT id FROM image")
    outcome = FoundFaces(image_id, (replace(make_face(7), box=box),))
    (fresh,) = keep_redetected(db, [outcome], pack=PACK)
    check_kept(db, face_id)
    assert len(fresh.faces) == (0 if box is BOX else 1)
    assert db.execute(text("SELECT count(*) FROM face")).scalar_one() == 1

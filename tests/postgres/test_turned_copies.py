"""Turned and unturned copies of a picture are one photo; each file keeps its orientation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cluster.core.pictures.photos import FoundPhoto, TrainingOutcome
from cluster.core.pictures.placements import Likeness, Relation, turning
from cluster.core.sessions import PhaseName
from cluster.store.erasing import erase_person
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending
from cluster.store.people.people_list import get_person
from cluster.store.sessions.phase_rows import start_phase
from tests.library import NOW, PACK, record, settle_training, start_session
from tests.postgres.sessions_over_files import (
    BOX,
    Held,
    box_of,
    check_kept,
    count_detected,
    face_at,
    look,
    name_faces,
    path,
    picture,
    rows,
    turned,
)


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_copy_that_was_turned_is_a_duplicate_and_takes_the_faces_over(
    db: Session, turn: int
) -> None:
    others = {n: picture(n) for n in "xyz"}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), **others})
    face_id, person_id = name_faces(db)
    copy = {"copy": turned("a", turn, faces=[face_at(BOX, 2)])}
    unchanged: dict[str, Held | None] = dict.fromkeys("xyz")
    both = look(db, {"a": None, **copy, **unchanged})
    assert count_detected(db, both) == 0
    assert get_person(db, person_id).photos == 2
    look(db, {"copy": None, **unchanged})
    check_kept(db, face_id, person_id)
    assert box_of(db, face_id) == turning(turn, 400, 300).place_box(BOX)
    look(db, {"a": None, **unchanged})
    check_kept(db, face_id, person_id)
    assert box_of(db, face_id) == BOX


@pytest.mark.parametrize("is_there_before", [True, False])
def test_what_was_erased_stays_erased_in_a_copy_that_was_turned(
    db: Session, is_there_before: bool
) -> None:
    copy = {"copy": turned("a", 6)}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "x": picture("x")})
    if is_there_before:
        look(db, {"a": None, "x": None, **copy})
    _, person_id = name_faces(db)
    erase_person(db, person_id)
    box = turning(6, 400, 300).place_box(BOX)
    if not is_there_before:
        look(db, {"a": None, "x": None, "copy": turned("a", 6, faces=[face_at(box)])})
    look(db, {"copy": None, "x": None})
    assert rows(db, "SELECT count(*) FROM face") == [(0,)]
    query = """
        SELECT box_left, box_top, box_right, box_bottom FROM erased_face
        WHERE image_id = (SELECT image_id FROM file WHERE path LIKE '%copy%')
    """
    assert rows(db, query) == [(box.left, box.top, box.right, box.bottom)]


def orientations(db: Session) -> list[tuple[Any, ...]]:
    return rows(
        db,
        """
        SELECT f.path, i.orientation FROM file f JOIN image i ON i.id = f.image_id
        WHERE f.missing_since IS NULL AND NOT f.superseded ORDER BY f.path
        """,
    )


EQUAL_BUT_TURNED = Relation(Likeness.EQUAL, turning(6, 400, 300), 6)


@pytest.mark.parametrize("order", [("a", "copy"), ("copy", "a")])
def test_a_copy_stays_as_it_is_when_its_original_is_turned_beside_it(
    db: Session, order: tuple[str, str]
) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    now = {"a": replace(turned("a", 6), relation=EQUAL_BUT_TURNED), "copy": picture("a")}
    look(db, {name: now[name] for name in order}, times={"a": 200})
    assert orientations(db) == [(path("a"), 6), (path("copy"), 1)]


def test_known_bytes_are_read_again_when_their_photo_was_turned_meanwhile(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "x": picture("x")})
    session_id = start_session(db)
    start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    met = [FoundPhoto(path(name), 10, 200) for name in ("a", "copy")]
    add_found(db, session_id, met, pack=PACK)
    a, copy = list_pending(db, session_id, PhaseName.TRAINING, limit=10)
    turned_a = TrainingOutcome(
        a.file_id, turned("a", 6).record, relation=EQUAL_BUT_TURNED, before=a.image_id
    )
    settle_training(db, session_id, [turned_a], pack=PACK)
    known = TrainingOutcome(copy.file_id, known=record("a").sha256)
    settle_training(db, session_id, [known], pack=PACK)
    assert list_pending(db, session_id, PhaseName.TRAINING, limit=10) == [copy]
    settle_training(db, session_id, [TrainingOutcome(copy.file_id, record("a"))], pack=PACK)
    assert orientations(db) == [(path("a"), 6), (path("copy"), 1), (path("x"), 1)]


def test_a_file_that_comes_back_holds_what_is_in_it_though_its_photo_was_turned(
    db: Session,
) -> None:
    look(db, {name: picture("a" if name == "old" else name) for name in ("old", "x", "y", "z")})
    others: dict[str, Held | None] = dict.fromkeys("xyz")
    look(db, {"new": picture("a"), **others})
    again = replace(turned("a", 6), relation=EQUAL_BUT_TURNED)
    look(db, {"new": again, **others}, times={"new": 200})
    look(db, {"new": None, "old": picture("a"), **others}, times={"new": 200})
    assert orientations(db)[:2] == [(path("new"), 6), (path("old"), 1)]


def test_a_known_copy_that_is_turned_is_a_duplicate(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "copy": picture("a")})
    held = replace(turned("a", 6, faces=[face_at(BOX, 2)]), relation=EQUAL_BUT_TURNED)
    session_id = look(db, {"a": None, "copy": held}, times={"copy": 200})
    assert count_detected(db, session_id) == 0
    held = replace(turned("a", 3, faces=[face_at(BOX, 2)]), relation=EQUAL_BUT_TURNED)
    look(db, {"a": None, "copy": held}, times={"copy": 300})
    held = replace(turned("a", 4, faces=[face_at(BOX, 2)]), relation=EQUAL_BUT_TURNED)
    session_id = look(db, {"a": held, "copy": None}, times={"copy": 300, "a": 400})
    assert count_detected(db, session_id) == 0
    assert rows(db, "SELECT count(*) FROM image WHERE duplicate_of IS NULL") == [(1,)]

"""Changes of files change no person: a photo is its content, and a file is only its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.pictures.photos import DetectionOutcome, FoundPhoto, TrainingOutcome
from cluster.core.pictures.placements import Likeness, Relation
from cluster.core.sessions import PhaseName
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending
from cluster.store.people.people_list import get_person, list_people
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.session_rows import get_session
from tests.library import NOW, PACK, found, make_face, record, settle_training, start_session
from tests.people import group
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


def test_a_touched_file_is_read_and_nothing_is_detected(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    kept = name_faces(db)
    session_id = look(db, {"a": picture("a")}, times={"a": 200})
    assert count_detected(db, session_id) == 0
    check_kept(db, *kept)
    again = look(db, {"a": None}, times={"a": 200})
    assert count_detected(db, again) == 0


def test_written_metadata_changes_nothing_but_itself(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    kept = name_faces(db)
    edited = picture("a", sha256=b"edited" * 5, taken_at=NOW.replace(tzinfo=None))
    session_id = look(db, {"a": edited}, times={"a": 200})
    assert count_detected(db, session_id) == 0
    check_kept(db, *kept)
    assert rows(db, "SELECT taken_at FROM image") == [(NOW.replace(tzinfo=None),)]


def test_another_picture_under_an_old_name_is_a_new_photo_and_the_old_one_is_missing(
    db: Session,
) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX, 1)]), "b": picture("b")})
    face_id, person_id = name_faces(db)
    other = replace(
        picture("other", faces=[face_at(BOX, 2)]), relation=Relation(Likeness.OTHER, None)
    )
    session_id = look(db, {"a": other, "b": None}, times={"a": 200})
    assert count_detected(db, session_id) == 1
    assert rows(db, "SELECT count(*) FROM face") == [(2,)]
    assert get_person(db, person_id).photos == 0
    query = f"SELECT missing_since IS NULL FROM image WHERE id IN ({MISSING_OF.format(face_id)})"
    assert rows(db, query) == [(False,)]
    # The photo comes back in another place, and is complete.
    back = look(db, {"a": None, "b": None, "c": picture("a")}, times={"a": 200})
    assert count_detected(db, back) == 0
    assert get_person(db, person_id).photos == 1


MISSING_OF = "SELECT image_id FROM face WHERE id = {}"


def test_moved_files_are_the_same_photos(db: Session) -> None:
    names = [f"old/{n}" for n in range(5)]
    look(db, {name: picture(name, faces=[face_at(BOX, n)]) for n, name in enumerate(names)})
    before = rows(db, "SELECT id, image_id FROM face ORDER BY id")
    group(db, [-1] * 5)
    (person,) = list_people(db, pack=PACK, limit=10)
    new = {name.replace("old", "new"): picture(name) for name in names}
    session_id = look(db, new)
    assert count_detected(db, session_id) == 0
    census = get_session(db, session_id).census
    assert (census["moved"], census["missing"], census["gone"]) == (5, 0, None)
    assert rows(db, "SELECT id, image_id FROM face ORDER BY id") == before
    assert list_people(db, pack=PACK, limit=10) == [person]
    query = f"SELECT DISTINCT training_reason FROM session_item WHERE session_id = {session_id}"
    assert sorted(rows(db, query))[0] == ("moved from /photos/old/0.jpg",)


def test_exchanged_names_exchange_nothing_else(db: Session) -> None:
    look(db, {n: picture(n, faces=[face_at(BOX, k)]) for k, n in enumerate("ab")})
    before = rows(db, "SELECT id, image_id FROM face ORDER BY id")
    times = {"a": 200, "b": 201}
    session_id = look(db, {"a": picture("b"), "b": picture("a")}, times=times)
    assert count_detected(db, session_id) == 0
    assert rows(db, "SELECT id, image_id FROM face ORDER BY id") == before
    assert rows(db, "SELECT count(*) FROM image WHERE missing_since IS NOT NULL") == [(0,)]


def test_deleted_photos_are_missing_until_they_come_back(db: Session) -> None:
    pictures = {str(n): picture(str(n), faces=[face_at(BOX, n)]) for n in range(8)}
    look(db, pictures)
    group(db, [-1] * 8)
    (person,) = list_people(db, pack=PACK, limit=10)
    session_id = look(db, {str(n): None for n in range(5)})
    assert get_session(db, session_id).census["missing"] == 3
    assert get_person(db, person.id).photos == 5
    assert rows(db, "SELECT count(*) FROM face") == [(8,)]
    look(db, dict.fromkeys(pictures))
    assert get_person(db, person.id) == person


def test_when_most_is_gone_at_once_nothing_is_missing(db: Session) -> None:
    look(db, {str(n): picture(str(n), faces=[face_at(BOX, n)]) for n in range(8)})
    session_id = look(db, {"0": None, "1": None})
    census = get_session(db, session_id).census
    assert (census["known"], census["gone"], census["missing"]) == (8, 6, 0)
    assert rows(db, "SELECT known, gone FROM library") == [(8, 6)]
    assert rows(db, "SELECT count(*) FROM image WHERE missing_since IS NOT NULL") == [(0,)]
    look(db, {str(n): None for n in range(8)})
    assert rows(db, "SELECT known, gone FROM library") == [(None, None)]


def test_a_duplicate_takes_the_place_of_its_representative(db: Session) -> None:
    small = picture("a", sha256=b"small" * 6, content=b"small" * 6, width=200, height=150)
    others = {n: picture(n) for n in "xyz"}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "small": small, **others}, times={"a": 1})
    face_id, person_id = name_faces(db)
    session_id = look(db, {"small": None, **dict.fromkeys("xyz")})
    assert count_detected(db, session_id) == 0
    check_kept(db, face_id, person_id)
    assert box_of(db, face_id) == BOX.scaled(0.5)
    # From now on, the larger file is a duplicate of the smaller one.
    look(db, {"a": None, "small": None, **dict.fromkeys("xyz")}, times={"a": 1})
    check = "SELECT count(*) FROM detection d JOIN image i ON i.id = d.image_id"
    assert rows(db, f"{check} WHERE i.duplicate_of IS NOT NULL") == [(0,)]
    assert get_person(db, person_id).photos == 2


@pytest.mark.parametrize(
    ("before", "after", "is_read"),
    [
        (("size", None, None), ("size", None, None), True),
        ((10, None, None), (10, None, None), True),
        ((None, 100, None), (None, 100, None), True),
        ((None, None, "x"), (None, None, "x"), False),
        ((None, None, "x"), (None, None, "y"), True),
        ((10, 100, "x"), (10, 100, "y"), True),
        ((10, 100, None), (10, 100, None), False),
        ((10, 100, "x"), (10, 999, "x"), False),
    ],
)
def test_what_a_storage_does_not_tell_is_never_equal(
    db: Session, before: tuple[Any, ...], after: tuple[Any, ...], is_read: bool
) -> None:
    def meet(told: tuple[Any, ...]) -> int:
        session_id = start_session(db)
        size, modified_ns, etag = told
        photo = FoundPhoto("http://x/a.jpg", size if size != "size" else None, modified_ns, etag)
        add_found(db, session_id, [photo], pack=PACK)
        return session_id

    first = meet(before)
    (item,) = list_pending(db, first, PhaseName.TRAINING, limit=2)
    settle_training(db, first, [TrainingOutcome(item.file_id, record("a"))], pack=PACK)
    settle_detection(db, first, [DetectionOutcome(item.file_id)], pack=PACK, now=NOW)
    second = meet(after)
    assert bool(list_pending(db, second, PhaseName.TRAINING, limit=2)) is is_read


def test_a_photo_that_was_forgotten_while_its_file_waits_is_a_failed_item(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a"), found("b")], pack=PACK)
    pending = list_pending(db, session_id, PhaseName.TRAINING, limit=10)
    read = [TrainingOutcome(item.file_id, record(item.path)) for item in pending]
    settle_training(db, session_id, read, pack=PACK)
    db.execute(text(f"UPDATE file SET image_id = NULL WHERE id = {read[0].file_id}"))
    seen = [DetectionOutcome(one.file_id, (make_face(one.file_id),)) for one in read]
    settled = settle_detection(db, session_id, seen, pack=PACK, now=NOW)
    assert (settled.counts.processed, settled.counts.failed) == (1, 1)
    check_session(db, session_id)


def test_what_is_gone_beside_a_renamed_folder_is_missing(db: Session) -> None:
    """Photos that moved are not gone; only two of eight are."""
    names = [f"old/{n}" for n in range(8)]
    look(db, {name: picture(name) for name in names})
    session_id = look(db, {n.replace("old", "new"): picture(n) for n in names[:6]})
    census = get_session(db, session_id).census
    assert (census["moved"], census["missing"], census["gone"]) == (6, 2, None)

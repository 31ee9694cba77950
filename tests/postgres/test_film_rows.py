"""The rows of films through all changes of files and people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.pictures.photos import DetectionOutcome
from cluster.core.sessions import PhaseName
from cluster.store.erasing import erase_person
from cluster.store.items.census import settle_files
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.item_rows import list_pending
from cluster.store.items.new_attempts import restart_session
from cluster.store.people.face_vectors import load_moments, load_vectors
from cluster.store.people.same_places import list_same_faces
from cluster.store.photos.photo_details import get_photo
from cluster.store.photos.stored_pictures import get_source, list_ungrouped_faces
from cluster.store.sessions.invariants import check_session
from tests.library import NOW, PACK, make_face, start_session
from tests.postgres.sessions_over_files import Held, count_detected, look, picture, rows
from tests.postgres.test_erasing import count, make_person

BOX = BoundingBox(100, 60, 180, 160)


def film(name: str, *faces: Face, **changes: Any) -> Held:
    return picture(name, faces=faces, **{"duration_s": 12.5, "blocks": b"", **changes})


def seen_at(time_s: float, number: int, box: BoundingBox = BOX) -> Face:
    return replace(make_face(number), box=box, time_s=time_s)


def test_a_film_keeps_its_length_and_its_faces_their_times(db: Session) -> None:
    look(db, {"film": film("film", seen_at(1.5, 1), seen_at(7.25, 2)), "a": picture("a")})
    (image_id,) = (row[0] for row in rows(db, "SELECT id FROM image WHERE duration_s IS NOT NULL"))
    photo = get_photo(db, image_id, pack=PACK)
    assert photo.duration_s == 12.5
    assert [face.time_s for face in photo.faces] == [1.5, 7.25]
    listed = list_ungrouped_faces(db, pack=PACK, limit=10)
    assert [(face.time_s, face.duration_s) for face in listed] == [(1.5, 12.5), (7.25, 12.5)]
    assert get_source(db, image_id).is_film


def test_face_detection_knows_which_items_are_films(db: Session) -> None:
    session_id = look(db, {"film": film("film"), "a": picture("a")})
    restart_session(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    pending = list_pending(db, session_id, PhaseName.FACE_DETECTION, limit=10)
    assert [(item.path, item.duration_s) for item in pending] == [
        ("/photos/film.jpg", 12.5),
        ("/photos/a.jpg", None),
    ]


def test_a_film_resembles_no_photo_and_no_film_however_its_hashes_are(db: Session) -> None:
    same = {"phash": 77, "dhash": 77}
    files = {
        "photo": picture("photo", **same),
        "film": film("film", **same),
        "other": film("other", **same),
        "later": picture("later", **same, width=200, height=150),
    }
    session_id = look(db, files)
    assert count_detected(db, session_id) == 3, "the second photo is a duplicate of the first"
    marks = rows(db, "SELECT duplicate_of, similar_to FROM image WHERE duration_s IS NOT NULL")
    assert marks == [(None, None)] * 2


def test_copies_of_a_film_are_searched_once(db: Session) -> None:
    one = film("film", seen_at(1, 1))
    session_id = look(db, {"a": one, "b": one, "c": replace(one)})
    assert count_detected(db, session_id) == 1
    assert count(db, "image") == 1
    assert count(db, "face") == 1
    assert count_detected(db, look(db, {"a": None, "b": None, "moved": one})) == 0


def test_a_film_with_other_metadata_is_the_same_film(db: Session) -> None:
    look(db, {"film": film("film", seen_at(1, 1))})
    person = make_person(db, "Ada", [row[0] for row in rows(db, "SELECT id FROM image")])
    look(db, {"film": film("film", sha256=bytes(32))}, times={"film": 200})
    assert rows(db, "SELECT person_id FROM face") == [(person,)]


def test_a_film_in_the_place_of_a_photo_is_another_one(db: Session) -> None:
    look(db, {"a": picture("a", faces=[make_face(1)])})
    look(db, {"a": film("film", seen_at(2, 1))}, times={"a": 200})
    assert count(db, "image") == 2
    assert rows(db, "SELECT time_s FROM face ORDER BY id") == [(None,), (2.0,)]


def test_faces_of_a_film_are_found_again_at_their_times_only(db: Session) -> None:
    session_id = look(db, {"film": film("film", seen_at(1, 1), seen_at(5, 2))})
    before = dict(rows(db, "SELECT time_s, id FROM face"))
    restart_session(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    _detect_again(db, session_id, [seen_at(5, 3), seen_at(9, 1)])
    after = dict(rows(db, "SELECT time_s, id FROM face"))
    assert after == {5.0: before[5.0], 9.0: before[1.0]}, "by place at 5 s, by vector at 9 s"


def _detect_again(db: Session, session_id: int, faces: list[Face]) -> None:
    (item,) = list_pending(db, session_id, PhaseName.FACE_DETECTION, limit=10)
    outcome = DetectionOutcome(item.file_id, tuple(faces))
    settle_detection(db, session_id, [outcome], pack=PACK, now=NOW)


def test_an_erased_person_does_not_come_back_at_another_time_of_a_film(db: Session) -> None:
    session_id = look(db, {"film": film("film", seen_at(1, 1), seen_at(5, 2))})
    erased, kept = (row[0] for row in rows(db, "SELECT id FROM face ORDER BY time_s"))
    person = make_person(db, "Ada", [])
    db.execute(text(f"UPDATE face SET person_id = {person} WHERE id = {erased}"))
    erase_person(db, person)
    restart_session(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    elsewhere = BoundingBox(10, 10, 60, 60)
    _detect_again(db, session_id, [seen_at(9, 1, elsewhere), seen_at(5, 2), seen_at(7, 4)])
    assert rows(db, "SELECT id FROM face") == [(kept,)]
    assert rows(db, "SELECT faces FROM detection") == [(1,)]


def test_faces_of_films_come_after_those_of_photos_each_at_its_moment(db: Session) -> None:
    first = film("film", seen_at(1, 1), seen_at(1, 2), seen_at(4, 3))
    look(db, {"film": first, "a": picture("a", faces=[make_face(5), make_face(6)])})
    faces = load_vectors(db, pack=PACK, min_quality=0.0)
    assert (len(faces), faces.photo_faces) == (5, 2)
    moments = load_moments(db, faces).tolist()
    assert moments[:2] == faces.image_ids[:2].tolist()
    assert moments[2] == moments[3] != moments[4]
    assert max(moments[2:]) < 0


def test_two_packs_find_the_same_face_of_a_film_only_at_the_same_time(db: Session) -> None:
    look(db, {"film": film("film", seen_at(1, 1), seen_at(5, 2))})
    db.execute(
        text(
            "INSERT INTO face (image_id, pack, box_left, box_top, box_right, box_bottom, landmarks,"
            " score, quality, time_s, embedding, crop) SELECT image_id, 'other', box_left, box_top,"
            " box_right, box_bottom, landmarks, score, quality, time_s, embedding, crop FROM face"
            " WHERE time_s = 5"
        )
    )
    (pair,) = list_same_faces(db, pack="other")
    (old,) = rows(db, f"SELECT id FROM face WHERE time_s = 5 AND pack = '{PACK}'")
    assert pair.other_id == old[0]


def test_films_that_are_not_looked_for_are_not_missing(db: Session) -> None:
    look(db, {"film": film("film"), **{name: picture(name) for name in "abc"}})
    session_id = start_session(db)
    settle_files(db, session_id, root="/photos", gone=(), now=NOW, takes_films=False)
    missing = "SELECT count(*) FROM file WHERE missing_since IS NOT NULL AND path LIKE '%film%'"
    assert rows(db, missing) == [(0,)]
    check_session(db, session_id)

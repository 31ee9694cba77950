"""Faces come back as they were written; people keep their ids, names and placed faces."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.pictures.photos import DetectionOutcome
from cluster.core.sessions import PhaseName
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import skip_known
from cluster.store.people.face_vectors import count_faces, count_session_faces, load_vectors
from cluster.store.people.regrouping import assign_people, list_people
from tests.library import (
    NOW,
    PACK,
    detect,
    found,
    ids_of,
    make_face,
    run_session,
    start_session,
    train,
)


def assign(db: Session, persons: list[int]) -> int:
    faces = load_vectors(db, pack=PACK, min_quality=0.0)
    ids = np.array(persons, dtype=np.int64)
    return assign_people(
        db,
        pack=PACK,
        face_ids=faces.face_ids,
        seen_person_ids=faces.person_ids,
        person_ids=ids,
        now=NOW,
    )


def people_of_faces(db: Session) -> list[int]:
    return load_vectors(db, pack=PACK, min_quality=0.0).person_ids.tolist()


@pytest.fixture
def five_faces(db: Session) -> int:
    return run_session(db, {"a": found("a")}, faces_each=5)


def test_a_face_comes_back_as_it_was_written(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a")], pack=PACK)
    train(db, session_id, {"a": "a"})
    face = make_face(1)
    outcome = DetectionOutcome(ids_of(db, session_id, PhaseName.FACE_DETECTION)["a"], (face,))
    settle_detection(db, session_id, [outcome], pack=PACK, now=NOW)
    row = db.execute(text("SELECT * FROM face")).one()
    assert (row.box_left, row.box_top, row.box_right, row.box_bottom) == (1.5, 2.5, 50.0, 60.0)
    assert row.landmarks == [float(n) for n in range(1, 11)]
    assert (row.score, row.crop) == (0.75, face.crop)
    assert row.quality == pytest.approx(0.9)
    vectors = load_vectors(db, pack=PACK, min_quality=0.3).vectors
    assert vectors[0].tobytes() == face.embedding


def test_vectors_come_in_the_order_of_their_faces(db: Session) -> None:
    session_id = run_session(db, {name: found(name) for name in "abc"}, faces_each=2)
    faces = load_vectors(db, pack=PACK, min_quality=0.0)
    assert faces.vectors.shape == (6, 512)
    assert faces.vectors.dtype == np.float32
    assert faces.vectors.flags.c_contiguous
    assert faces.face_ids.tolist() == sorted(faces.face_ids.tolist())
    assert np.allclose(np.linalg.norm(faces.vectors, axis=1), 1, atol=1e-6)
    assert set(faces.person_ids.tolist()) == {-1}
    assert not faces.is_placed.any()
    assert len(faces) == count_faces(db, pack=PACK) == count_session_faces(db, session_id) == 6


def test_only_good_faces_of_the_pack_are_loaded(db: Session) -> None:
    run_session(db, {"a": found("a")})
    faces = load_vectors(db, pack=PACK, min_quality=0.95)
    assert (len(faces), faces.vectors.shape) == (0, (0, 0))
    assert len(load_vectors(db, pack="other", min_quality=0.0)) == 0
    assert count_faces(db, pack=PACK, min_quality=0.5) == 1


def test_vectors_are_read_whole_across_chunks(db: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    run_session(db, {str(n): found(str(n)) for n in range(10)}, faces_each=3)
    whole = load_vectors(db, pack=PACK, min_quality=0.0)
    monkeypatch.setattr("cluster.store.people.face_vectors.CHUNK_BYTES", 5000)
    assert np.array_equal(load_vectors(db, pack=PACK, min_quality=0.0).vectors, whole.vectors)


def test_faces_of_duplicates_are_counted_once(db: Session) -> None:
    session_id = start_session(db)
    photos = [found("a", modified_ns=1), found("b", modified_ns=2)]
    add_found(db, session_id, photos, pack=PACK)
    train(db, session_id, {"a": "same", "b": "same"})
    skip_known(db, session_id)
    detect(db, session_id, {"a": 3})
    assert count_session_faces(db, session_id) == 3
    later = start_session(db)
    add_found(db, later, photos[1:], pack=PACK)
    assert count_session_faces(db, later) == 3


@pytest.mark.usefixtures("five_faces")
def test_new_people_are_created_and_ungrouped_faces_stay_ungrouped(db: Session) -> None:
    assert assign(db, [-1, -1, -2, 0, -2]) == 2
    one, _, two, nobody, _ = people_of_faces(db)
    assert one != two
    assert nobody == -1
    assert assign(db, [one, one, two, 0, two]) == 2
    assert people_of_faces(db) == [one, one, two, -1, two]


@pytest.mark.usefixtures("five_faces")
def test_people_without_faces_go_unless_they_have_a_name(db: Session) -> None:
    assign(db, [-1, -1, -2, -2, 0])
    one, two = people_of_faces(db)[1:3]
    db.execute(text("UPDATE person SET name = 'Ada' WHERE id = :id"), {"id": one})
    assert assign(db, [-1, -1, -1, -1, -1]) == 1
    left = set(db.execute(text("SELECT id FROM person")).scalars())
    assert one in left
    assert two not in left


@pytest.mark.usefixtures("five_faces")
def test_faces_that_a_user_placed_stay(db: Session) -> None:
    assign(db, [-1, -1, -2, -2, 0])
    before = people_of_faces(db)
    db.execute(text("UPDATE face SET placed_by_user = true"))
    assign(db, [0, 0, 0, 0, -1])
    assert people_of_faces(db) == before


@pytest.mark.usefixtures("five_faces")
def test_faces_of_a_person_deleted_meanwhile_are_ungrouped(db: Session) -> None:
    assert assign(db, [999, -1, -1, 0, 0]) == 1
    assert people_of_faces(db)[0] == -1


def test_people_in_most_photos_come_first_and_duplicates_are_photos(db: Session) -> None:
    session_id = start_session(db)
    photos = [found(name, modified_ns=n) for n, name in enumerate("abcd")]
    add_found(db, session_id, photos, pack=PACK)
    train(db, session_id, {"a": "a", "b": "same", "c": "same", "d": "same"})
    skip_known(db, session_id)
    detect(db, session_id, {"a": 2, "b": 1})
    assign(db, [-1, -1, -2])
    first, second = list_people(db, pack=PACK, limit=10)
    assert (first.faces, first.photos) == (1, 3)
    assert (second.faces, second.photos) == (2, 1)
    assert first.cover_face_id == load_vectors(db, pack=PACK, min_quality=0.0).face_ids[2]
    assert list_people(db, pack=PACK, limit=1) == [first]
    assert list_people(db, pack=PACK, limit=1, offset=1) == [second]
    db.execute(text("UPDATE person SET hidden = true WHERE id = :id"), {"id": first.id})
    assert list_people(db, pack=PACK, limit=10) == [second]
    assert len(list_people(db, pack=PACK, limit=10, with_hidden=True)) == 2


def test_a_pack_has_its_own_people(db: Session) -> None:
    run_session(db, {"a": found("a")})
    assign(db, [-1])
    assert list_people(db, pack="other", limit=10) == []

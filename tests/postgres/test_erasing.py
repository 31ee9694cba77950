"""Erased data is in no table any more, and data that others need stays."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound, SessionBusy, SessionRunning
from cluster.core.sessions import Move, PhaseName
from cluster.store.database.engine import begin
from cluster.store.database.tables import Table
from cluster.store.erasing import (
    Erased,
    compact_tables,
    erase_all,
    erase_ended_session,
    erase_person,
    erase_session,
)
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import skip_known
from cluster.store.items.new_attempts import restart_session
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery
from cluster.store.sessions.session_locks import lock_session
from cluster.store.sessions.session_rows import get_session, move_session
from tests.library import (
    NOW,
    PACK,
    detect,
    found,
    ids_of,
    record,
    run_session,
    start_session,
    train,
)

DETECTION = PhaseName.FACE_DETECTION


def every_value(db: Session) -> Iterator[tuple[str, object]]:
    """Every value of every table, as text, with its column."""
    for table in Table.metadata.sorted_tables:
        for column in table.columns:
            query = f'SELECT CAST("{column.name}" AS text) FROM "{table.name}"'
            for value in db.execute(text(query)).scalars():
                yield f"{table.name}.{column.name}", value


def secrets_of(db: Session, image_ids: list[int]) -> set[str]:
    """The pictures, vectors and fingerprints of these photos, which must be nowhere afterwards."""
    faces = db.execute(
        text("SELECT embedding::text, crop::text FROM face WHERE image_id = ANY(:ids)"),
        {"ids": image_ids},
    )
    images = db.execute(
        text(
            "SELECT thumbnail::text, content::text, sha256::text, path"
            " FROM image i JOIN file f ON f.image_id = i.id WHERE i.id = ANY(:ids)"
        ),
        {"ids": image_ids},
    )
    return {value for row in itertools.chain(faces, images) for value in row if value}


def make_person(db: Session, name: str, image_ids: list[int]) -> int:
    """Give every face in these photos to a new person."""
    query = text(
        "INSERT INTO person (name, pack, created_at, updated_at)"
        " VALUES (:name, :pack, now(), now()) RETURNING id"
    )
    person_id = int(db.execute(query, {"name": name, "pack": PACK}).scalar_one())
    place = "UPDATE face SET person_id = :id WHERE image_id = ANY(:ids)"
    db.execute(text(place), {"id": person_id, "ids": image_ids})
    return person_id


def images(db: Session) -> dict[str, int]:
    rows = db.execute(text("SELECT path, image_id FROM file WHERE image_id IS NOT NULL"))
    return {path.split("/")[-1].removesuffix(".jpg"): image_id for path, image_id in rows}


def count(db: Session, table: str) -> int:
    return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_an_erased_session_is_in_no_table(db: Session) -> None:
    session_id = run_session(db, {n: found(n) for n in "ab"})
    make_person(db, "Ada Lovelace", list(images(db).values()))
    # Vectors and crops differ by face, so that one that stays is noticed.
    db.execute(text("UPDATE face SET crop = CAST('crop ' || id AS bytea)"))
    secrets = secrets_of(db, list(images(db).values())) | {"Ada Lovelace"}
    assert len(secrets) > 8
    assert erase_session(db, session_id) == Erased(photos=2, faces=2, people=1)
    left = [(where, value) for where, value in every_value(db) if value in secrets]
    assert not left
    for table in Table.metadata.sorted_tables:
        assert count(db, table.name) == 0, table.name


def test_what_another_session_found_too_stays_whole(db: Session) -> None:
    first = run_session(db, {n: found(n) for n in "ab"})
    second = run_session(db, {n: found(n) for n in "bc"})
    ada = make_person(db, "Ada", [images(db)["a"]])
    bob = make_person(db, "Bob", [images(db)["b"]])
    erased = erase_session(db, first)
    assert erased == Erased(photos=1, faces=1, people=1)
    assert set(images(db)) == {"b", "c"}
    assert count(db, "face") == 2
    people = db.execute(text("SELECT id FROM person")).scalars().all()
    assert people == [bob] != [ada]
    check_session(db, second)
    assert erase_session(db, second) == Erased(photos=2, faces=2, people=1)
    assert count(db, "image") == 0


def test_a_photo_that_stands_for_a_duplicate_elsewhere_goes_with_that_session(db: Session) -> None:
    first = run_session(db, {"a": found("a")})
    second = start_session(db)
    add_found(db, second, [found("copy"), found("b")], pack=PACK)
    finish_discovery(db, second)
    train(db, second, {"copy": "a", "b": "b"})
    skip_known(db, second)
    detect(db, second, {"b": 1})
    check_session(db, second)
    assert erase_session(db, first).photos == 0
    assert count(db, "face") == 2
    check_session(db, second)
    move_session(db, second, Move.CANCEL, now=NOW)
    assert erase_session(db, second).photos == 3
    assert count(db, "image") == 0


def test_a_running_session_must_be_cancelled_first(db: Session) -> None:
    session_id = start_session(db)
    with pytest.raises(SessionRunning, match="cancel it first"):
        erase_session(db, session_id)
    with pytest.raises(SessionRunning):
        erase_all(db)
    with pytest.raises(NotFound):
        erase_session(db, 4711)


def test_a_session_whose_driver_is_still_ending_is_waited_for(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
        move_session(db, session_id, Move.CANCEL, now=NOW)
    with lock_session(engine, session_id) as lock:
        with pytest.raises(SessionBusy), begin(engine) as db:
            erase_session(db, session_id)
        lock.release()
        erase_ended_session(engine, session_id)
    with begin(engine) as db, pytest.raises(NotFound):
        get_session(db, session_id)


def test_an_erased_person_is_in_no_table_and_the_photos_stay(db: Session) -> None:
    session_id = run_session(db, {n: found(n) for n in "abc"})
    db.execute(text("UPDATE face SET crop = CAST('crop ' || id AS bytea)"))
    theirs = [images(db)["a"], images(db)["b"]]
    person_id = make_person(db, "Ada", theirs)
    query = "SELECT embedding::text, crop::text FROM face WHERE person_id = :id"
    rows = db.execute(text(query), {"id": person_id}).all()
    secrets = {value for row in rows for value in row} | {"Ada"}
    assert len(secrets) == 5
    assert erase_person(db, person_id) == Erased(photos=0, faces=2, people=1)
    assert not [where for where, value in every_value(db) if value in secrets]
    assert count(db, "face") == 1
    assert count(db, "image") == 3
    assert db.execute(text("SELECT sum(faces) FROM detection")).scalar_one() == 1
    check_session(db, session_id)
    with pytest.raises(NotFound):
        erase_person(db, person_id)


def test_an_erased_person_does_not_come_back(db: Session) -> None:
    run_session(db, {"a": found("a")})
    erase_person(db, make_person(db, "Ada", [images(db)["a"]]))
    again = run_session(db, {"a": found("a")})
    assert count(db, "face") == 0
    # The face stays erased when detection runs again, or with another pack.
    restart_session(db, again, DETECTION, now=NOW)
    detect(db, again, {"a": 1})
    assert count(db, "face") == 0
    assert db.execute(text("SELECT faces FROM detection")).scalar_one() == 0
    run_session(db, {"a": found("a")}, pack="other")
    assert count(db, "face") == 0
    run_session(db, {"a": found("a", modified_ns=200)})
    assert count(db, "face") == 0


def test_the_copies_of_a_photo_do_not_bring_an_erased_person_back(db: Session) -> None:
    session_id = start_session(db)
    names = {"a": record("p", data="a"), "small": record("p", data="b", width=200)}
    add_found(db, session_id, [found(n, modified_ns=k) for k, n in enumerate(names)], pack=PACK)
    finish_discovery(db, session_id)
    train(db, session_id, {"a": "p", "small": "p"})
    skip_known(db, session_id)
    detect(db, session_id, {"a": 1})
    erase_person(db, make_person(db, "Ada", [images(db)["a"]]))
    assert count(db, "erased_face") == 2


def test_erasing_all_leaves_nothing(db: Session) -> None:
    run_session(db, {n: found(n) for n in "ab"})
    make_person(db, "Ada", list(images(db).values()))
    assert erase_all(db) == Erased(photos=2, faces=2, people=1)
    assert not list(every_value(db))


def test_a_session_that_runs_meanwhile_is_not_disturbed(db: Session) -> None:
    done = run_session(db, {n: found(n) for n in "ab"})
    running = start_session(db, pack="other")
    add_found(db, running, [found(n) for n in "bc"], pack="other")
    finish_discovery(db, running)
    erase_session(db, done)
    assert set(ids_of(db, running)) == {"b", "c"}
    train(db, running, {"b": "b", "c": "c"}, pack="other")
    complete_phase(db, running, PhaseName.TRAINING, now=NOW)
    check_session(db, running)


def test_compacting_leaves_nothing_of_the_erased_in_the_files(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = run_session(db, {n: found(n) for n in "ab"})
        erase_session(db, session_id)
    compact_tables(engine)
    with begin(engine) as db:
        assert db.execute(text("SELECT pg_relation_size('face')")).scalar_one() == 0

"""A library that was moved: its paths change, its photos stay, and nothing is read."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound, SessionBusy, SessionRunning
from cluster.core.pictures.photos import FoundPhoto
from cluster.core.sessions import Move
from cluster.store.database.engine import begin
from cluster.store.items.census import note_passed_over
from cluster.store.items.discovery import add_found
from cluster.store.photos.library_moves import MovedLibrary, move_library
from cluster.store.photos.missing import mark_files_missing
from cluster.store.sessions.library_rows import find_library_id, get_library, list_libraries
from cluster.store.sessions.session_locks import list_locked_sessions, lock_session
from cluster.store.sessions.session_rows import create_session, get_session, move_session
from tests.library import NOW, PACK, found, ids_of, run_session, start_session, train
from tests.waiting import wait_until


def paths_of(db: Session) -> list[str]:
    query = "SELECT path FROM file WHERE NOT superseded ORDER BY path"
    return list(db.execute(text(query)).scalars())


def run_over(db: Session, *names: str) -> int:
    return run_session(db, {name: found(name) for name in names})


def test_a_moved_library_has_other_paths_and_nothing_is_read_again(db: Session) -> None:
    session_id = run_over(db, "a", "sub/b")
    note_passed_over(db, session_id, {}, ["/photos/locked", "/elsewhere"])
    assert move_library(db, "/photos", "/mnt/new", now=NOW) == MovedLibrary(2, 0)
    assert paths_of(db) == ["/mnt/new/a.jpg", "/mnt/new/sub/b.jpg"]
    digests = db.execute(text("SELECT path, path_sha256 FROM file")).all()
    assert all(hashlib.sha256(path.encode()).digest() == digest for path, digest in digests)
    session = get_session(db, session_id)
    assert session.root == "/mnt/new"
    assert session.census["unlisted"] == ["/mnt/new/locked", "/elsewhere"]
    assert find_library_id(db, "/photos") is None
    again = create_session(db, root="/mnt/new", name=None, pack=PACK, options={}, now=NOW)
    assert again.library_id == session.library_id
    move_session(db, again.id, Move.START, now=NOW)
    photos = [FoundPhoto(path, 10, 100) for path in paths_of(db)]
    training, _ = add_found(db, again.id, photos, pack=PACK)
    assert training.counts.skipped == 2


def test_what_lies_beside_a_moved_library_stays(db: Session) -> None:
    run_over(db, "a", "b")
    db.execute(text("UPDATE file SET path = '/photos2/b.jpg' WHERE path = '/photos/b.jpg'"))
    move_library(db, "/photos", "/new", now=NOW)
    assert paths_of(db) == ["/new/a.jpg", "/photos2/b.jpg"]


def test_libraries_below_a_moved_one_move_along(db: Session) -> None:
    run_over(db, "a")
    below = create_session(db, root="/photos/sub", name=None, pack=PACK, options={}, now=NOW)
    move_library(db, "/photos", "s3://album", now=NOW)
    assert get_session(db, below.id).root == "s3://album/sub"
    assert {one.root for one in list_libraries(db)} == {"s3://album", "s3://album/sub"}


def test_a_name_that_is_no_utf8_moves_with_its_library(db: Session) -> None:
    run_session(db, {"a": FoundPhoto("file:///photos/%FF.jpg", 10, 100)})
    move_library(db, "/photos", "/mnt/neü", now=NOW)
    assert paths_of(db) == ["file:///mnt/ne%C3%BC/%FF.jpg"]


def test_a_path_that_is_known_at_the_new_place_supersedes_the_old_one(db: Session) -> None:
    run_over(db, "a", "b")
    run_session(db, {"a": FoundPhoto("/new/a.jpg", 10, 100)})
    create_session(db, root="/new", name=None, pack=PACK, options={}, now=NOW)
    assert move_library(db, "/photos", "/new", now=NOW) == MovedLibrary(2, 1)
    assert paths_of(db) == ["/new/a.jpg", "/new/b.jpg"]
    (library,) = list_libraries(db)
    assert (library.root, library.photos, library.missing) == ("/new", 2, 0)


def test_a_library_that_moves_back_finds_its_old_places(db: Session) -> None:
    run_over(db, "a")
    run_session(db, {"a": FoundPhoto("/new/a.jpg", 10, 100)})
    here = db.execute(text("SELECT id FROM file WHERE path = '/new/a.jpg'")).scalars().all()
    create_session(db, root="/new", name=None, pack=PACK, options={}, now=NOW)
    mark_files_missing(db, here, now=NOW)
    move_library(db, "/photos", "/new", now=NOW)
    rows = db.execute(text("SELECT superseded, missing_since IS NULL FROM file ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(False, True), (True, False)]
    (library,) = list_libraries(db)
    assert (library.photos, library.missing) == (1, 0)


def test_a_library_does_not_move_while_a_session_of_it_runs(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
    with begin(engine) as db, pytest.raises(SessionRunning):
        move_library(db, "/photos", "/new", now=NOW)
    with begin(engine) as db:
        move_session(db, session_id, Move.PAUSE, now=NOW)
    with lock_session(engine, session_id), begin(engine) as db, pytest.raises(SessionBusy):
        move_library(db, "/photos", "/new", now=NOW)
    # The server ends the connection that held the lock a moment after the client has closed it.
    wait_until(lambda: not list_locked(engine), "no session is locked")
    with begin(engine) as db:
        move_library(db, "/photos", "/new", now=NOW)
        assert get_session(db, session_id).root == "/new"


def list_locked(engine: Engine) -> list[int]:
    with begin(engine) as db:
        return list(list_locked_sessions(db))


def test_items_of_a_paused_session_are_at_the_new_place(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a"), found("b")], pack=PACK)
    train(db, session_id, {"a": "a"})
    move_session(db, session_id, Move.PAUSE, now=NOW)
    move_library(db, "/photos", "/new", now=NOW)
    assert list(ids_of(db, session_id)) == ["b"]
    assert get_library(db, get_session(db, session_id).library_id).photos == 1


def test_a_root_that_is_no_library_does_not_move(db: Session) -> None:
    with pytest.raises(NotFound, match="library over /photos"):
        move_library(db, "/photos", "/new", now=NOW)

"""The contents of libraries, and what a user may decide about photos that are gone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound, RootEmpty
from cluster.core.files.gone import Unconfirmed
from cluster.core.pictures.photos import FoundPhoto
from cluster.store.erasing import Erased
from cluster.store.forgetting import confirm_missing, forget_missing
from cluster.store.items.census import settle_files
from cluster.store.items.discovery import add_found
from cluster.store.photos.missing import mark_files_missing
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.library_rows import (
    explain_bad_root,
    find_library_id,
    get_library,
    list_known_files,
    list_libraries,
)
from cluster.store.sessions.phase_rows import finish_discovery
from tests.library import NOW, PACK, found, run_session, start_session


def run_over(db: Session, *names: str) -> int:
    """Run a session over /photos that finds these files."""
    return run_session(db, {name: found(name) for name in names})


def look_again(db: Session, *names: str) -> int:
    """Let a session find these files unchanged, and settle the others as gone."""
    session_id = start_session(db)
    add_found(db, session_id, [found(name) for name in names], pack=PACK)
    finish_discovery(db, session_id)
    settle_files(db, session_id, root="/photos", gone=(), now=NOW)
    return session_id


def library_of(db: Session) -> int:
    library_id = find_library_id(db, "/photos")
    assert library_id is not None
    return library_id


def file_ids(db: Session, *names: str) -> list[int]:
    paths = [f"/photos/{name}.jpg" for name in names]
    rows = db.execute(text("SELECT id FROM file WHERE path = ANY(:paths)"), {"paths": paths})
    return list(rows.scalars())


def name_person(db: Session, name: str, files: Sequence[int]) -> int:
    """Give every face in these files to a new person."""
    query = text(
        "INSERT INTO person (name, pack, created_at, updated_at)"
        " VALUES (:name, :pack, now(), now()) RETURNING id"
    )
    person_id = int(db.execute(query, {"name": name, "pack": PACK}).scalar_one())
    place = text(
        "UPDATE face SET person_id = :id"
        " WHERE image_id IN (SELECT image_id FROM file WHERE id = ANY(:files))"
    )
    db.execute(place, {"id": person_id, "files": list(files)})
    return person_id


def test_a_library_shows_what_is_there_what_is_missing_and_its_last_session(db: Session) -> None:
    run_over(db, "a", "b", "c")
    name_person(db, "Anna", file_ids(db, "a", "b"))
    name_person(db, "Bert", file_ids(db, "c"))
    last = look_again(db, "a", "b")
    (library,) = list_libraries(db)
    assert (library.photos, library.missing, library.people) == (2, 1, 1)
    assert library.last_session is not None and library.last_session.id == last
    assert library.unconfirmed is None
    assert get_library(db, library.id) == library


def test_a_hidden_person_is_not_counted_in_a_library(db: Session) -> None:
    run_over(db, "a")
    person_id = name_person(db, "Anna", file_ids(db, "a"))
    db.execute(text("UPDATE person SET hidden = true WHERE id = :id"), {"id": person_id})
    assert get_library(db, library_of(db)).people == 0


def test_folders_whose_names_begin_alike_are_different_libraries(db: Session) -> None:
    run_over(db, "a", "b")
    db.execute(text("UPDATE file SET path = '/photos2/b.jpg' WHERE path = '/photos/b.jpg'"))
    assert get_library(db, library_of(db)).photos == 1


def test_a_library_that_is_not_known_is_not_found(db: Session) -> None:
    with pytest.raises(NotFound):
        get_library(db, 1)
    with pytest.raises(NotFound):
        forget_missing(db, 1)
    with pytest.raises(NotFound):
        confirm_missing(db, 1, gone=[], now=NOW)


def test_what_most_photos_gone_leaves_open_is_settled_when_a_user_confirms_it(db: Session) -> None:
    run_over(db, "a", "b", "c")
    look_again(db, "a")
    library_id = library_of(db)
    library = get_library(db, library_id)
    assert (library.photos, library.missing) == (3, 0)
    assert library.unconfirmed == Unconfirmed(known=3, gone=2)
    unmet = [one.id for one in list_known_files(db, library) if not one.is_met]
    assert unmet == file_ids(db, "b", "c")
    assert confirm_missing(db, library_id, gone=unmet, now=NOW) == 2
    library = get_library(db, library_id)
    assert (library.photos, library.missing, library.unconfirmed) == (1, 2, None)
    census = db.execute(text("SELECT census FROM training_session ORDER BY id DESC")).scalar()
    assert Unconfirmed.find(census) is None


def test_what_could_not_be_listed_counts_as_met(db: Session) -> None:
    run_over(db, "a", "sub/b", "sub/c")
    session_id = look_again(db, "a")
    db.execute(
        text("UPDATE training_session SET census = :census WHERE id = :id"),
        {"id": session_id, "census": '{"unlisted": ["/photos/sub"]}'},
    )
    known = list_known_files(db, get_library(db, library_of(db)))
    assert [one.is_met for one in known] == [True, True, True]


def test_missing_photos_are_forgotten_with_faces_and_people_of_no_other_photo(db: Session) -> None:
    first = run_over(db, "a", "b", "c")
    name_person(db, "Anna", file_ids(db, "a", "b"))
    name_person(db, "Bert", file_ids(db, "c"))
    look_again(db, "a", "b")
    assert forget_missing(db, library_of(db)) == Erased(photos=1, faces=1, people=1)
    assert db.execute(text("SELECT name FROM person")).scalars().all() == ["Anna"]
    library = get_library(db, library_of(db))
    assert (library.photos, library.missing) == (2, 0)
    row = db.execute(
        text("SELECT image_id, sha256, is_read FROM file WHERE id = ANY(:ids)"),
        {"ids": file_ids(db, "c")},
    ).one()
    assert tuple(row) == (None, None, False)
    check_session(db, first)
    assert forget_missing(db, library_of(db)) == Erased(0, 0, 0)


def test_a_forgotten_photo_that_is_back_is_a_new_one(db: Session) -> None:
    run_over(db, "a", "b", "c")
    look_again(db, "a", "b")
    forget_missing(db, library_of(db))
    run_over(db, "a", "b", "c")
    library = get_library(db, library_of(db))
    assert (library.photos, library.missing) == (3, 0)


def test_photos_that_are_there_or_in_other_libraries_are_not_forgotten(db: Session) -> None:
    run_over(db, "a", "b")
    mark_files_missing(db, file_ids(db, "b"), now=NOW)
    db.execute(text("UPDATE file SET path = '/other/b.jpg' WHERE path = '/photos/b.jpg'"))
    assert forget_missing(db, library_of(db)) == Erased(0, 0, 0)


def test_a_missing_photo_that_stands_for_one_of_another_library_stays(db: Session) -> None:
    run_over(db, "a", "b")
    (a,), (b,) = file_ids(db, "a"), file_ids(db, "b")
    db.execute(
        text(
            "UPDATE image SET duplicate_of = (SELECT image_id FROM file WHERE id = :a)"
            " WHERE id = (SELECT image_id FROM file WHERE id = :b)"
        ),
        {"a": a, "b": b},
    )
    mark_files_missing(db, [a, b], now=NOW)
    db.execute(text("UPDATE file SET path = '/other/b.jpg' WHERE id = :b"), {"b": b})
    assert forget_missing(db, library_of(db)) == Erased(0, 0, 0)
    db.execute(text("UPDATE file SET path = '/photos/b.jpg' WHERE id = :b"), {"b": b})
    assert forget_missing(db, library_of(db)).photos == 2


def test_an_empty_root_says_how_many_photos_are_known_there(db: Session) -> None:
    run_over(db, "a", "b")
    error = RootEmpty("/photos", "there is no photo.")
    explained = explain_bad_root(db, error, "/photos")
    assert isinstance(explained, RootEmpty)
    assert "there is no photo. 2 known photos are not there: is the disk mounted?" in str(explained)
    assert "python -m jobs.library --confirm-missing /photos" in str(explained)
    assert explain_bad_root(db, error, "/elsewhere") is error


def test_a_folder_in_a_library_has_nothing_to_confirm(db: Session) -> None:
    photo = FoundPhoto("/photos/sub/a.jpg", 10, 100)
    run_session(db, {"a": photo})
    explained = explain_bad_root(db, RootEmpty("/photos/sub", "empty."), "/photos/sub")
    assert str(explained).endswith("1 known photo is not there: is the disk mounted?")

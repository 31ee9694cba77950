"""A dry run compares a listing with the database as a session would, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from cluster.core.dry_runs import Compared, Finished, ListedAs, Unfinished
from cluster.core.files.gone import Unconfirmed
from cluster.core.pictures.photos import FoundPhoto, TrainingOutcome
from cluster.core.sessions import Move, PhaseName
from cluster.store.database.engine import begin
from cluster.store.database.tables import Table
from cluster.store.items.discovery import add_found
from cluster.store.items.dry_listing import compare_listing
from cluster.store.sessions.phase_rows import finish_discovery, start_phase
from cluster.store.sessions.session_rows import move_session
from tests.library import (
    NOW,
    PACK,
    detect,
    found,
    ids_of,
    run_session,
    settle_training,
    start_session,
    train,
)

NAMES = [f"photo{n}" for n in range(10)]


def sized(name: str, number: int) -> FoundPhoto:
    """A photo with a size and a time of its own."""
    return found(name, size=1000 + number, modified_ns=10_000 + number)


@pytest.fixture
def known(engine: Engine) -> dict[str, FoundPhoto]:
    """Ten photos that a session has finished."""
    photos = {name: sized(name, n) for n, name in enumerate(NAMES)}
    with begin(engine) as db:
        run_session(db, photos)
    return photos


def look(
    engine: Engine,
    photos: Iterable[FoundPhoto],
    *,
    pack: str = PACK,
    unfinished: Unfinished | None = None,
    is_complete: bool = True,
    unlisted: tuple[str, ...] = (),
    sample: int = 8,
) -> Compared:
    with begin(engine) as db:
        return compare_listing(
            db,
            iter(photos),
            root="/photos",
            pack=pack,
            unfinished=unfinished,
            finish=lambda: Finished(is_complete, {"film": 3}, unlisted),
            sample=sample,
        )


def moved(photo: FoundPhoto, place: str) -> FoundPhoto:
    return replace(photo, path=f"/photos/{place}.jpg")


def dump(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, with the transaction that wrote it."""
    with begin(engine) as db:
        return {
            name: [
                tuple(row)
                for row in db.execute(text(f"SELECT xmin::text, t::text FROM {name} t ORDER BY 2"))
            ]
            for name in Table.metadata.tables
        }


def test_in_an_empty_database_everything_is_new(engine: Engine) -> None:
    listing = look(engine, [sized(name, n) for n, name in enumerate(NAMES)]).listing
    assert listing.counts == {ListedAs.NEW: 10}
    assert (listing.photos, listing.to_read, listing.to_decode, listing.to_search) == (10,) * 4
    assert listing.size_bytes == listing.bytes_to_read == 10_045
    assert (listing.known, listing.gone, listing.passed_over) == (0, 0, {"film": 3})


def test_an_unchanged_library_costs_a_listing(engine: Engine, known: dict[str, FoundPhoto]) -> None:
    compared = look(engine, known.values())
    assert compared.listing.counts == {ListedAs.UNCHANGED: 10}
    assert (compared.listing.to_read, compared.listing.bytes_to_read) == (0, 0)
    assert (compared.listing.known, compared.listing.gone, compared.listing.known_faces) == (
        10,
        0,
        10,
    )
    assert compared.paths == ()


def test_each_file_is_counted_once_as_what_it_is(
    engine: Engine, known: dict[str, FoundPhoto]
) -> None:
    first, second, third, *others = known.values()
    there = [
        replace(first, size=5, modified_ns=5),
        moved(second, "elsewhere/renamed"),
        *others,
        sized("fresh", 77),
    ]
    listing = look(engine, there).listing
    assert listing.counts == {
        ListedAs.CHANGED: 1,
        ListedAs.MOVED: 1,
        ListedAs.UNCHANGED: 7,
        ListedAs.NEW: 1,
    }
    assert (listing.to_read, listing.to_decode, listing.to_search) == (3, 2, 2)
    assert (listing.known, listing.gone, listing.unconfirmed) == (10, 1, None)
    assert third.path not in {photo.path for photo in there}


def test_a_photo_that_was_moved_without_its_time_is_known_by_its_name(
    engine: Engine, known: dict[str, FoundPhoto]
) -> None:
    first, *others = known.values()
    there = [replace(moved(first, "album/photo0"), modified_ns=1), *others]
    listing = look(engine, there).listing
    assert listing.counts == {ListedAs.MOVED: 1, ListedAs.UNCHANGED: 9}
    assert listing.gone == 0


def test_a_moved_photo_in_a_store_is_known_by_its_etag(engine: Engine) -> None:
    photo = FoundPhoto("/photos/a.jpg", 10, None, "etag")
    with begin(engine) as db:
        run_session(db, {"a": photo, "b": sized("b", 1)})
    there = [replace(photo, path="/photos/z.jpg"), sized("b", 1)]
    assert look(engine, there).listing.counts == {ListedAs.MOVED: 1, ListedAs.UNCHANGED: 1}


def test_a_copy_is_no_move_while_its_original_is_there(
    engine: Engine, known: dict[str, FoundPhoto]
) -> None:
    listing = look(engine, [*known.values(), moved(known["photo0"], "backup/photo0")]).listing
    assert listing.counts == {ListedAs.COPY: 1, ListedAs.UNCHANGED: 10}
    assert (listing.to_read, listing.to_decode, listing.to_search) == (1, 0, 0)


def test_new_photos_that_are_copies_of_each_other_are_searched_once(engine: Engine) -> None:
    photos = [found(f"{folder}/a", size=10, modified_ns=n) for n, folder in enumerate("xyz")]
    listing = look(engine, photos).listing
    assert listing.counts == {ListedAs.NEW: 1, ListedAs.COPY: 2}
    assert (listing.to_read, listing.to_decode, listing.to_search) == (3, 3, 1)


def test_pictures_that_are_not_compressed_are_no_copies_for_having_equal_sizes(
    engine: Engine,
) -> None:
    photos = [FoundPhoto(f"/photos/{folder}/1.BMP", 10, n) for n, folder in enumerate("xyz")]
    assert look(engine, photos).listing.counts == {ListedAs.NEW: 3}


def test_photos_that_another_pack_has_searched_are_searched_again(
    engine: Engine, known: dict[str, FoundPhoto]
) -> None:
    listing = look(engine, known.values(), pack="another").listing
    assert listing.counts == {ListedAs.UNSEARCHED: 10}
    assert (listing.to_read, listing.to_search, listing.known_faces) == (10, 10, 0)


def test_a_photo_that_cannot_be_read_is_not_read_again(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
        add_found(db, session_id, [found("torn")], pack=PACK)
        (file_id,) = ids_of(db, session_id).values()
        torn = TrainingOutcome(file_id, failure="it is torn", is_lasting=True)
        settle_training(db, session_id, [torn], pack=PACK)
    assert look(engine, [found("torn")]).listing.counts == {ListedAs.UNCHANGED: 1}


def test_files_of_unknown_size_are_read_and_counted_apart(engine: Engine) -> None:
    with begin(engine) as db:
        run_session(db, {"web": found("web", size=None, modified_ns=None)})
    listing = look(engine, [found("web", size=None, modified_ns=None), sized("b", 1)]).listing
    assert listing.counts == {ListedAs.CHANGED: 1, ListedAs.NEW: 1}
    assert (listing.sizes_unknown, listing.size_bytes) == (1, 1001)


def test_when_most_known_files_are_away_it_says_so(
    engine: Engine, known: dict[str, FoundPhoto]
) -> None:
    listing = look(engine, list(known.values())[:4]).listing
    assert listing.unconfirmed == Unconfirmed(known=10, gone=6)


def test_files_in_a_folder_that_could_not_be_listed_are_not_gone(
    engine: Engine, known: dict[str, FoundPhoto]
) -> None:
    locked = {name: sized(f"locked/{name}", 100 + n) for n, name in enumerate("ab")}
    with begin(engine) as db:
        run_session(db, known | locked)
    assert look(engine, known.values(), unlisted=("/photos/locked",)).listing.gone == 0
    assert look(engine, known.values()).listing.gone == 2


def test_a_listing_that_was_left_says_nothing_about_what_is_gone_or_moved(
    engine: Engine, known: dict[str, FoundPhoto]
) -> None:
    there = [moved(known["photo0"], "elsewhere/renamed")]
    listing = look(engine, there, is_complete=False).listing
    assert (listing.counts, listing.is_complete) == ({ListedAs.NEW: 1}, False)
    assert (listing.known, listing.gone, listing.unconfirmed) == (None, None, None)


def test_an_unfinished_session_does_what_it_has_left(engine: Engine) -> None:
    photos = {name: sized(name, n) for n, name in enumerate(NAMES)}
    with begin(engine) as db:
        session_id = start_session(db)
        start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
        add_found(db, session_id, list(photos.values()), pack=PACK)
        train(db, session_id, {name: name for name in NAMES[:4]})
    here = [*photos.values(), sized("fresh", 77)]
    listing = look(engine, here, unfinished=Unfinished(session_id, is_listed=False)).listing
    assert (listing.to_read, listing.to_search) == (7, 11)
    with begin(engine) as db:
        finish_discovery(db, session_id)
    listing = look(engine, here, unfinished=Unfinished(session_id, is_listed=True)).listing
    assert (listing.to_read, listing.to_search) == (6, 10), "a listed session takes no later files"


def test_the_paths_are_spread_over_what_is_to_be_read(engine: Engine) -> None:
    photos = [sized(f"{n:03}", n) for n in range(100)]
    with begin(engine) as db:
        run_session(db, {str(n): photos[n] for n in range(50)})
    paths = look(engine, photos, sample=5).paths
    numbers = [int(path.rpartition("/")[2].removesuffix(".jpg")) for path in paths]
    assert len(numbers) == 5
    assert [(number - 50) // 10 for number in numbers] == [0, 1, 2, 3, 4]


def test_nothing_is_written(engine: Engine, known: dict[str, FoundPhoto]) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
        add_found(db, session_id, [sized("more", 50)], pack=PACK)
        detect(db, session_id, {})
        move_session(db, session_id, Move.PAUSE, now=NOW)
    before = dump(engine)
    there = [moved(known["photo1"], "x"), sized("fresh", 77), *list(known.values())[2:]]
    look(engine, there, unfinished=Unfinished(session_id, is_listed=False))
    look(engine, there, pack="another")
    assert dump(engine) == before


def test_the_database_itself_refuses_a_change_after_the_listing(engine: Engine) -> None:
    with pytest.raises((SQLAlchemyError, psycopg.Error)), begin(engine) as db:
        compare_listing(
            db,
            [found("a")],
            root="/photos",
            pack=PACK,
            finish=lambda: Finished(True, {}),
            sample=1,
        )
        db.execute(text("DELETE FROM file"))

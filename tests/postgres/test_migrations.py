"""A database that an earlier version wrote is migrated row by row."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text

from cluster.core.pictures.photos import FoundPhoto, TrainingOutcome
from cluster.core.sessions import PhaseName
from cluster.store.database.copying import driver_connection
from cluster.store.database.engine import begin
from cluster.store.database.schema import migration_config, upgrade_schema
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import count_duplicates, list_pending
from cluster.store.people.people_list import list_people
from cluster.store.people.undo_log import undo_change
from cluster.store.sessions.invariants import check_session
from tests.library import NOW, PACK, record, settle_training, start_session

DUMPS = Path(__file__).parent / "dumps"
FILES = ("a", "b", "c", "d", "e", "f", "bad", "unread")


@pytest.fixture
def carried_over(engine: Engine) -> Engine:
    """The database that revision 0004 wrote, upgraded to the newest revision."""
    load_dump(engine, "0004")
    upgrade_schema(engine)
    return engine


def load_dump(engine: Engine, revision: str) -> None:
    """Leave the database as this revision wrote it: with its tables and the rows of its dump.

    A dump is made by a checkout of its revision: INSERT statements of all rows of all tables, with
    invented photos and people, and the sequences set to go on after them.
    """
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        connection.execute(text("CREATE EXTENSION vector"))
        command.upgrade(migration_config(connection), revision)
    with begin(engine) as db:
        driver_connection(db).execute((DUMPS / f"{revision}.sql").read_bytes())


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with begin(engine) as db:
        return [tuple(row) for row in db.execute(text(query))]


def test_files_of_one_content_become_one_photo(carried_over: Engine) -> None:
    query = "SELECT right(path, -8), image_id, is_read, unreadable FROM file ORDER BY id"
    assert rows(carried_over, query) == [
        ("a.jpg", 1, True, None),
        ("b.jpg", 1, True, None),
        ("c.jpg", 3, True, None),
        ("d.jpg", 4, True, None),
        ("e.jpg", 5, True, None),
        ("f.jpg", 6, True, None),
        ("bad.jpg", None, True, "damaged"),
        ("unread.jpg", None, False, None),
    ]
    assert rows(carried_over, "SELECT id, duplicate_of FROM image ORDER BY id") == [
        (1, None),
        (3, 1),
        (4, None),
        (5, None),
        (6, None),
    ]


def test_sessions_keep_their_items_and_their_counts(carried_over: Engine) -> None:
    with begin(carried_over) as db:
        check_session(db, 1)
        check_session(db, 2)
        (item,) = list_pending(db, 2, PhaseName.TRAINING, limit=10)
    assert item.path == "/photos/unread.jpg"
    query = "SELECT root, count(*) FROM library l JOIN training_session USING (root) GROUP BY 1"
    assert rows(carried_over, query) == [("/photos", 2)]


def test_people_keep_their_names_their_faces_and_what_can_be_undone(carried_over: Engine) -> None:
    with begin(carried_over) as db:
        (ada,) = list_people(db, pack=PACK, limit=10)
        assert (ada.name, ada.faces, ada.photos) == ("Ada", 4, 4)
        undo_change(db, 2, now=NOW)
        assert {person.faces for person in list_people(db, pack=PACK, limit=10)} == {2}
    assert rows(carried_over, "SELECT image_id FROM erased_face") == [(4,)]


def test_the_next_session_finds_everything_unchanged(carried_over: Engine) -> None:
    with begin(carried_over) as db:
        session_id = start_session(db)
        met = [FoundPhoto(f"/photos/{name}.jpg", 10, 100 + n) for n, name in enumerate(FILES[:-1])]
        training, _ = add_found(db, session_id, met, pack=PACK)
        assert training.counts.skipped == training.counts.total == len(met)


def test_a_photo_that_is_touched_gets_what_was_not_kept_then(carried_over: Engine) -> None:
    with begin(carried_over) as db:
        session_id = start_session(db)
        add_found(db, session_id, [FoundPhoto("/photos/a.jpg", 10, 999)], pack=PACK)
        (item,) = list_pending(db, session_id, PhaseName.TRAINING, limit=10)
        read = TrainingOutcome(item.file_id, record("one"), before=item.image_id)
        settled = settle_training(db, session_id, [read], pack=PACK)
        assert (settled.counts.skipped, settled.counts.processed) == (1, 0)
        check_session(db, session_id)
    query = "SELECT content IS NOT NULL, length(blocks) > 0 FROM image WHERE id = 1"
    assert rows(carried_over, query) == [(True, True)]


def read_everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, as the database itself writes them."""
    tables = rows(
        engine,
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        " AND tablename <> 'alembic_version' ORDER BY 1",
    )
    return {
        table: sorted(
            (row for (row,) in rows(engine, f"SELECT to_jsonb(t) FROM {table} t")), key=str
        )
        for (table,) in tables
    }


def test_why_items_were_skipped_becomes_a_column_and_nothing_else_changes(engine: Engine) -> None:
    load_dump(engine, "0005")
    before = read_everything(engine)
    assert all(before.values()), "the dump has rows in every table"
    migrate(engine, "0006")
    after = read_everything(engine)
    for phase in before["session_phase"]:
        phase["high_water_mark"] = phase.pop("floor")
    for item in after["session_item"]:
        del item["training_skip"], item["detection_skip"]
    assert {table: sorted(map(str, map(sort_keys, held))) for table, held in after.items()} == {
        table: sorted(map(str, map(sort_keys, held))) for table, held in before.items()
    }
    marks = "SELECT high_water_mark FROM session_phase WHERE high_water_mark > 0 ORDER BY 1"
    assert rows(engine, marks) == [(9,), (10,), (10,)]


def migrate(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        command.upgrade(migration_config(connection), revision)


def test_the_tables_of_people_get_columns_and_lose_nothing(engine: Engine) -> None:
    load_dump(engine, "0006")
    before = read_everything(engine)
    assert all(before.values()), "the dump has rows in every table"
    migrate(engine, "0007")
    after = read_everything(engine)
    assert after.keys() - before.keys() == {"face_answer"}
    for table, held in before.items():
        added = {name for row in after[table] for name in row.keys() - held[0].keys()}
        assert all(row.pop(name) is None for row in after[table] for name in added)
        assert sorted(map(str, map(sort_keys, after[table]))) == sorted(
            map(str, map(sort_keys, held))
        )


def test_what_could_be_undone_before_more_than_one_change_was_kept_still_can(
    engine: Engine,
) -> None:
    load_dump(engine, "0006")
    upgrade_schema(engine)
    merged = "SELECT person_id, count(*) FROM face WHERE id IN (1, 4) GROUP BY 1 ORDER BY 1"
    assert rows(engine, merged) == [(1, 2)]
    with begin(engine) as db:
        undo_change(db, 1, now=NOW)
    assert rows(engine, merged) == [(1, 1), (3, 1)]


def sort_keys(row: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(row.items()))


def test_every_skip_of_an_earlier_version_has_its_reason(engine: Engine) -> None:
    load_dump(engine, "0005")
    upgrade_schema(engine)
    query = """
        SELECT DISTINCT training_state, training_skip, detection_state, detection_skip,
            regexp_replace(detection_reason, '/.*', '')
        FROM session_item ORDER BY 1, 2, 3, 4
        """
    assert rows(engine, query) == [
        ("failed", None, "skipped", "unreadable", "unreadable"),
        ("pending", None, "pending", None, None),
        ("processed", None, "failed", None, "RuntimeError: out of memory"),
        ("processed", None, "processed", None, None),
        ("skipped", "duplicate", "skipped", "duplicate", "duplicate of "),
        ("skipped", "moved", "skipped", "moved", "moved from "),
        ("skipped", "same_picture", "skipped", "same_picture", "the picture is unchanged"),
        ("skipped", "unchanged", "skipped", "unchanged", "unchanged"),
        ("skipped", "unreadable", "skipped", "unreadable", "unchanged, unreadable: damaged"),
    ]
    with begin(engine) as db:
        for session_id in (1, 2, 3, 4):
            check_session(db, session_id)
        assert (count_duplicates(db, 1), count_duplicates(db, 2)) == (1, 0)


def test_a_revision_can_be_taken_back_with_the_texts_kept(engine: Engine) -> None:
    load_dump(engine, "0005")
    before = read_everything(engine)
    upgrade_schema(engine)
    with engine.begin() as connection:
        command.downgrade(migration_config(connection), "0005")
    assert read_everything(engine) == before


ADDED_SINCE_0007 = {
    "file": {"companion": False},
    "face": {"time_s": None},
    "image": {"duration_s": None},
    "training_session": {"active_s": 0, "time_percentage": 0},
    "session_phase": dict.fromkeys(("active_s", "pixels", "bytes", "waited_s", "workers"), 0)
    | dict.fromkeys(("people_gained", "people_lost", "people_split")),
}


def test_time_films_and_companions_get_columns_and_nothing_else_changes(engine: Engine) -> None:
    load_dump(engine, "0007")
    before = read_everything(engine)
    assert all(before.values()), "the dump has rows in every table"
    migrate(engine, "0009")
    after = read_everything(engine)
    assert {table: after[table] for table in after.keys() - before.keys()} == {
        "session_sample": [],
        "notification": [],
    }
    for table, held in before.items():
        for row in held:
            row.update(ADDED_SINCE_0007.get(table, {}))
        assert sorted(map(str, map(sort_keys, after[table]))) == sorted(
            map(str, map(sort_keys, held))
        )


def test_what_users_did_before_films_is_undone_and_answered_as_before(engine: Engine) -> None:
    load_dump(engine, "0007")
    upgrade_schema(engine)
    with begin(engine) as db:
        for session_id in (1, 2, 3, 4):
            check_session(db, session_id)
        undo_change(db, 5, now=NOW)
        undo_change(db, 4, now=NOW)
        undo_change(db, 3, now=NOW)
    assert rows(engine, "SELECT verdict FROM face WHERE verdict IS NOT NULL") == []
    assert rows(engine, "SELECT id FROM face_answer") == []
    assert rows(engine, "SELECT cover_face_id, birth_date FROM person WHERE id = 1") == [
        (None, date(1990, 2, 3))
    ]


def test_the_revisions_after_0007_can_be_taken_back_and_made_again(engine: Engine) -> None:
    load_dump(engine, "0007")
    before = read_everything(engine)
    upgrade_schema(engine)
    after = read_everything(engine)
    with engine.begin() as connection:
        command.downgrade(migration_config(connection), "0007")
    assert read_everything(engine) == before
    upgrade_schema(engine)
    assert read_everything(engine) == after

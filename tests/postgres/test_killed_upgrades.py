"""A killed upgrade of the tables can be continued, and every earlier version can be upgraded."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from cluster.core.errors import DatabaseUnusable
from cluster.store.database.engine import begin
from cluster.store.database.schema import migration_config, upgrade_schema
from cluster.store.sessions.invariants import check_session
from jobs import erase, library, train
from tests.embedded import PROJECT_DIR
from tests.postgres.test_migrations import DUMPS, load_dump, read_everything, rows
from tests.waiting import wait_until

Output = pytest.CaptureFixture[str]
HEAD = ScriptDirectory.from_config(migration_config()).get_current_head() or ""

UPGRADE = """
import sys
from cluster.store.database.engine import build_engine
from cluster.store.database.schema import upgrade_schema
upgrade_schema(build_engine(sys.argv[1]))
"""
REVISION = "SELECT version_num FROM alembic_version"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"


def list_dumps() -> list[str]:
    return sorted(path.stem for path in DUMPS.glob("*.sql"))


@pytest.mark.parametrize("revision", list_dumps())
def test_the_database_of_every_earlier_version_is_upgraded_and_keeps_the_law(
    engine: Engine, revision: str
) -> None:
    load_dump(engine, revision)
    people = rows(engine, "SELECT id, name FROM person ORDER BY id")
    faces = rows(engine, "SELECT id, person_id, placed_by_user FROM face ORDER BY id")
    upgrade_schema(engine)
    assert rows(engine, REVISION) == [(HEAD,)]
    assert rows(engine, "SELECT id, name FROM person ORDER BY id") == people
    assert rows(engine, "SELECT id, person_id, placed_by_user FROM face ORDER BY id") == faces
    with begin(engine) as db:
        for (session_id,) in rows(engine, "SELECT id FROM training_session"):
            check_session(db, session_id)


@pytest.mark.parametrize("revision", [one for one in list_dumps() if one > "0004"])
def test_every_dump_has_rows_in_every_table(engine: Engine, revision: str) -> None:
    load_dump(engine, revision)
    assert [table for table, held in read_everything(engine).items() if not held] == []


@pytest.mark.long
@pytest.mark.parametrize(
    "table", ["image", "session_item", "person_change", "session_phase", "face"]
)
def test_an_upgrade_that_is_killed_goes_on_and_comes_to_the_same(
    engine: Engine, database_url: str, table: str
) -> None:
    """A reader of `table` blocks the first revision that changes it, and the kill comes there."""
    load_dump(engine, "0005")
    upgrade_schema(engine)
    undisturbed = read_everything(engine)
    load_dump(engine, "0005")
    with engine.connect() as reader:
        reader.execute(text(f"LOCK TABLE {table} IN ACCESS SHARE MODE"))
        process = subprocess.Popen([sys.executable, "-c", UPGRADE, database_url], cwd=PROJECT_DIR)
        wait_until(lambda: rows(engine, WAITING) != [(0,)], "the upgrade waits for the table")
        process.kill()
        process.wait()
    ((stopped_at,),) = rows(engine, REVISION)
    assert "0005" <= stopped_at < HEAD
    upgrade_schema(engine)
    assert rows(engine, REVISION) == [(HEAD,)]
    assert read_everything(engine) == undisturbed


def test_what_was_upgraded_before_a_revision_failed_stays(engine: Engine) -> None:
    load_dump(engine, "0005")
    with begin(engine) as db:
        db.execute(text("CREATE TABLE kept_decision (id int)"))
    with pytest.raises(DatabaseUnusable, match="kept_decision"):
        upgrade_schema(engine)
    ((stopped_at,),) = rows(engine, REVISION)
    assert "0005" < stopped_at < HEAD
    with begin(engine) as db:
        db.execute(text("DROP TABLE kept_decision"))
    upgrade_schema(engine)
    assert rows(engine, REVISION) == [(HEAD,)]


@pytest.mark.parametrize("command", ["train", "library", "erase"])
def test_a_database_of_a_newer_version_is_refused_by_every_command_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,
    database_url: str,
    tmp_path: Path,
    capfd: Output,
    command: str,
) -> None:
    monkeypatch.setenv("HEADCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with begin(engine) as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = read_everything(engine)
    mains = {
        "train": lambda: train.main(["--root", str(tmp_path), "--dry-run"]),
        "library": lambda: library.main([]),
        "erase": lambda: erase.main(["--all", "--yes"]),
    }
    assert mains[command]() == 1
    said = capfd.readouterr().err
    assert re.search(r"made by a newer Headcount \(revision 9999", said)
    assert said.count("\n") == 1
    assert read_everything(engine) == before

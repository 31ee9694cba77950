"""A kill while a backup is made or restored leaves the old state or the new one."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cluster.store.backups.backup_folders import list_backups
from cluster.store.backups.making import make_backup
from cluster.store.backups.scratch_databases import hold_server
from tests.backups import list_scratch, name_first_person, names_in, wanted_in
from tests.embedded import run_python
from tests.people import fill_people

RESTORE = """
import sys
from pathlib import Path
from cluster.store.backups.restoring import restore_backup
from cluster.store.database.engine import build_engine
from tests.backups import wanted_in
say = lambda step: print(step, flush=True)
say("ready")
engine, wanted = build_engine(sys.argv[1]), wanted_in(Path(sys.argv[3]), hours=5)
restore_backup(engine, Path(sys.argv[2]), wanted, note=say)
say("done")
"""
BACKUP = """
import sys
from pathlib import Path
from cluster.store.backups.making import make_backup
from cluster.store.database.engine import build_engine
from tests.backups import wanted_in
print("ready", flush=True)
make_backup(build_engine(sys.argv[1]), wanted_in(Path(sys.argv[2]), hours=int(sys.argv[3])))
print("done", flush=True)
"""
STEPS = ["keeping the state before it", "restoring into a new database", "comparing it"]
KILLS, LONGEST_S = 8, 4.0


@pytest.fixture
def people(engine: Engine) -> Engine:
    """A library of two people, one of whom has a name."""
    fill_people(engine, 3, 2)
    name_first_person(engine, "Ada")
    return engine


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def wait_for(process: subprocess.Popen[str], step: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(step):
            return
    raise AssertionError(f"the process ended before it said {step!r}")


def kill(process: subprocess.Popen[str]) -> str:
    """Kill a process, and return its unread output."""
    process.kill()
    return process.communicate()[0]


def check_all_is_well(engine: Engine, folder: Path) -> None:
    """Check that an unfinished backup does not count, and that the next one removes its remains."""
    kept = list_backups(folder / "backups")
    with hold_server(engine):
        assert list_scratch(engine) == []
    made = make_backup(engine, wanted_in(folder, hours=9))
    files = {one.file for one in list_backups(folder / "backups")}
    assert files == {one.file for one in kept} | {made.file}
    assert set(made.file.parent.iterdir()) == files


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_a_restore_that_is_killed_leaves_the_library_as_it_was(
    people: Engine, tmp_path: Path, step: str
) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    name_first_person(people, "Somebody else")
    process = run_python(RESTORE, url_of(people), stored.file, tmp_path)
    wait_for(process, step)
    kill(process)
    assert names_in(people) == ["Somebody else"]
    check_all_is_well(people, tmp_path)


@pytest.mark.long
def test_restores_that_are_killed_at_any_moment_leave_the_old_state_or_the_new_one(
    people: Engine, tmp_path: Path
) -> None:
    moments = random.Random()
    stored = make_backup(people, wanted_in(tmp_path))
    for _ in range(KILLS):
        name_first_person(people, "Somebody else")
        process = run_python(RESTORE, url_of(people), stored.file, tmp_path)
        wait_for(process, moments.choice(["ready", *STEPS]))
        time.sleep(moments.uniform(0, LONGEST_S))
        was_done = "done" in kill(process)
        assert names_in(people) in ([["Ada"]] if was_done else [["Ada"], ["Somebody else"]])
    check_all_is_well(people, tmp_path)


@pytest.mark.long
def test_backups_that_are_killed_at_any_moment_leave_only_whole_ones(
    people: Engine, tmp_path: Path
) -> None:
    moments = random.Random()
    make_backup(people, wanted_in(tmp_path))
    for number in range(KILLS):
        process = run_python(BACKUP, url_of(people), tmp_path, number)
        wait_for(process, "ready")
        time.sleep(moments.uniform(0, LONGEST_S))
        kill(process)
        assert all(one.manifest.totals.named == 1 for one in list_backups(tmp_path / "backups"))
    check_all_is_well(people, tmp_path)

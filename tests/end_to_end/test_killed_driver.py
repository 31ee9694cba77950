"""A run that is killed as a whole leaves no process behind, and the next one goes on."""

from __future__ import annotations

from pathlib import Path

import psutil
import psycopg
import pytest

from cluster.store.server.server_files import ServerFiles
from tests.commit_slots import CommitSlots
from tests.drills import find_left_behind, read_tables
from tests.embedded import find_watches
from tests.headcount import Headcount
from tests.waiting import wait_until

pytestmark = pytest.mark.long


def hold_commits(run: Headcount) -> CommitSlots | None:
    """Let none of the run's workers commit; None as long as there is no database."""
    try:
        return CommitSlots(ServerFiles.under(run.data_dir).url())
    except psycopg.OperationalError:
        return None


@pytest.mark.drill
def test_after_a_driver_is_killed_everything_ends_and_the_next_run_goes_on(
    demo_library: Path, headcount: Headcount
) -> None:
    """Its workers are in the middle of a commit, and nobody else uses the database."""
    headcount.extra["HEADCOUNT_SERVE_ENABLED"] = "false"
    process = headcount.start("--root", str(demo_library))
    slots = wait_until(lambda: hold_commits(headcount), "there is a database")
    slots.let_through(1, until="training")
    assert process.poll() is None, process.communicate()[0]
    process.kill()
    process.wait()
    assert find_left_behind(headcount) == []
    wait_until(lambda: not find_watches(headcount.data_dir), "the watch has ended")
    slots.free_all()
    log = ServerFiles.under(headcount.data_dir).log.read_text().splitlines()
    assert "database system is shut down" in log[-1]
    code, output = headcount.run("--root", str(demo_library))
    assert code == 0, output
    items, faces, people = read_tables(headcount.data_dir)
    assert items
    assert faces
    assert people
    assert find_left_behind(headcount) == []


def test_a_run_whose_raylet_dies_ends_with_a_sentence_and_the_next_run_goes_on(
    demo_library: Path, headcount: Headcount
) -> None:
    headcount.extra["HEADCOUNT_SERVE_ENABLED"] = "false"
    photos = str(demo_library / "party")
    process = headcount.start("--root", photos)
    slots = wait_until(lambda: hold_commits(headcount), "there is a database")
    slots.let_through(1, until="training")
    children = psutil.Process(process.pid).children(recursive=True)
    (raylet,) = [one for one in children if one.name() == "raylet"]
    raylet.kill()
    output = process.communicate()[0]
    assert process.returncode == 1, output
    assert "Ray ended on this machine" in output
    assert find_left_behind(headcount) == []
    slots.free_all()
    code, output = headcount.run("--root", photos)
    assert code == 0, output

"""Whoever is killed: the session ends with what an undisturbed one ends with."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from cluster.store.postmaster import connect
from cluster.store.server_files import ServerFiles
from tests.drills import Outcome, Watcher, drill, finish, read_tables, wait
from tests.headcount import FinishedLibrary, Headcount


@pytest.fixture(scope="module")
def undisturbed(
    finished_library: FinishedLibrary, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    data_dir = tmp_path_factory.mktemp("undisturbed") / "data"
    finished_library.copy_to(data_dir)
    items, faces, people = read_tables(data_dir)
    return Outcome(code=0, output=finished_library.output, items=items, faces=faces, people=people)


def test_workers_live_view_replica_database_and_driver_are_killed_in_one_run(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    draw = random.Random(2)
    others = ["live view", "replica", "database", "training worker"]
    victims = [
        "detector",
        *draw.sample(others, k=2),
        "detector",
        *draw.sample(others, k=2),
        "driver",
    ]
    outcome = drill(demo_library, tmp_path, victims, draw=draw, pause_s=(0.1, 0.8))
    assert outcome.differences(undisturbed) == []
    assert {"detector", "driver"} <= set(outcome.killed)
    assert len(outcome.killed) >= 4


@pytest.mark.long
def test_a_driver_is_killed_again_and_again(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    outcome = drill(demo_library, tmp_path, ["driver"] * 3, draw=random.Random(3))
    assert outcome.differences(undisturbed) == []
    assert "driver" in outcome.killed


@pytest.mark.long
def test_a_database_that_refuses_everybody_for_ten_seconds_is_waited_for_in_sight(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    run = Headcount(tmp_path / "data")
    outcome, waited = run_through(run, demo_library, refusing_everybody(run), seconds=10)
    assert outcome.differences(undisturbed) == []
    assert "database unreachable, retrying for 8 s" in waited
    assert waited[-1] is None


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_full_is_waited_for_in_sight(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    with small_disk(tmp_path / "disk", megabytes=600) as disk:
        run = Headcount(disk / "data")
        outcome, waited = run_through(run, demo_library, filled(disk), seconds=8)
    assert outcome.differences(undisturbed) == []
    assert any(waited)
    assert waited[-1] is None


def run_through(
    run: Headcount, library: Path, trouble: AbstractContextManager[None], *, seconds: float
) -> tuple[Outcome, list[str | None]]:
    """Run a session that has this trouble for so long; return also what it waited for."""
    with Watcher(run).watching() as watcher:
        run.start("--root", str(library))
        wait(run, watcher, 0.5)
        with trouble:
            time.sleep(seconds)
        outcome = finish(run, watcher)
    return outcome, [answer["waitingFor"] for answer in watcher.answers]


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder], check=True
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Take all the room that is left, again and again, and give it back at the end."""
    ballast, is_over = disk / "ballast", threading.Event()

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            while not is_over.is_set():
                try:
                    file.write(bytes(1 << 16))
                except OSError:
                    time.sleep(0.01)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        ballast.unlink()


@contextmanager
def refusing_everybody(run: Headcount) -> Iterator[None]:
    """Cut every connection of the library's database, and let nobody connect."""
    with connect(ServerFiles.under(run.data_dir), database="postgres") as connection:
        connection.execute("ALTER DATABASE headcount ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'headcount'"
        )
        yield
        connection.execute("ALTER DATABASE headcount ALLOW_CONNECTIONS true")

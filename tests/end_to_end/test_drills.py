"""Whoever is killed: the session ends with what an undisturbed one ends with."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_process import connect
from tests.commit_slots import slots_taken
from tests.drills import Outcome, Watcher, finish, kill, read_tables
from tests.headcount import FinishedLibrary, Headcount
from tests.waiting import PATIENT_S, wait_until

pytestmark = pytest.mark.long


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
    victims = {
        "training": ["training worker", "live view", "driver"],
        "face_detection": ["detector", "replica", "detector", "database"],
    }
    assert drill_phases(demo_library, tmp_path, victims).differences(undisturbed) == []


@pytest.mark.drill
def test_a_driver_is_killed_again_and_again(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    victims = {"training": ["driver"] * 2, "face_detection": ["driver"] * 2}
    assert drill_phases(demo_library, tmp_path, victims).differences(undisturbed) == []


def drill_phases(library: Path, folder: Path, victims: Mapping[str, Sequence[str]]) -> Outcome:
    """Run a session and kill the victims of each phase while none of its batches can be committed.

    Only so is each of them certain to be killed in the middle of it; tests/drills.py has no such
    certainty, and more variety.
    """
    run = Headcount(folder / "data")
    with ending(run), Watcher(run).watching() as watcher:
        with slots_taken(run.data_dir) as slots:
            run.start("--root", str(library))
            for phase, some in victims.items():
                slots.let_through(1, until=phase)
                for victim in some:
                    wait_until(lambda: watcher.answers, "a client was answered")
                    kill_surely(victim, run)
                    if victim == "driver":
                        run.start("--root", str(library))
        return finish(run, watcher)


@contextmanager
def ending(run: Headcount) -> Iterator[None]:
    """Leave no run behind when a test fails."""
    try:
        yield
    finally:
        run.kill()


def kill_surely(victim: str, run: Headcount) -> None:
    """Kill one process of this kind, once there is one."""
    process = run.process
    assert process is not None

    def kill_one() -> bool:
        assert process.poll() is None, process.communicate()[0]
        return kill(victim, run)

    wait_until(kill_one, f"there is a {victim}")
    if victim == "driver":
        process.wait()


@pytest.mark.drill
def test_a_database_that_refuses_everybody_for_ten_seconds_is_waited_for_in_sight(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    run = Headcount(tmp_path / "data")
    outcome, waited = run_through(
        run, demo_library, refusing_everybody(run), until=has_retried_for_10_s
    )
    assert outcome.differences(undisturbed) == []
    assert waited[-1] is None


@pytest.mark.drill
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_full_is_waited_for_in_sight(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    with small_disk(tmp_path / "disk", megabytes=600) as disk:
        run = Headcount(disk / "data")
        outcome, waited = run_through(
            run, demo_library, filled(disk), until=has_told_of_a_full_disk
        )
    assert outcome.differences(undisturbed) == []
    assert waited[-1] is None


def run_through(
    run: Headcount,
    library: Path,
    trouble: AbstractContextManager[None],
    *,
    until: Callable[[Watcher], bool],
) -> tuple[Outcome, list[str | None]]:
    """Run a session that has this trouble until it is felt; return also what clients were told.

    The trouble comes before the first batch is committed.
    """
    with ending(run), Watcher(run).watching() as watcher:
        with slots_taken(run.data_dir) as slots:
            run.start("--root", str(library))
            slots.let_through(1, until="training")
            with trouble:
                slots.free_all()
                wait_until(lambda: until(watcher), "the trouble is felt")
        outcome = finish(run, watcher)
    return outcome, told(watcher)


def told(watcher: Watcher) -> list[str | None]:
    return [answer["waitingFor"] for answer in list(watcher.answers)]


def has_told_of_a_full_disk(watcher: Watcher) -> bool:
    """Tell whether a client was told what the session waits for."""
    return any(
        (said or "").startswith("the disk of the database is full") for said in told(watcher)
    )


def has_retried_for_10_s(watcher: Watcher) -> bool:
    """Tell whether a client was told that the session has waited for so long."""
    retrying = r"database unreachable, retrying for (\d+) s"
    found = (re.fullmatch(retrying, said or "") for said in told(watcher))
    return any(int(seconds[1]) >= 10 for seconds in found if seconds)


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
    ballast, is_over, is_full = disk / "ballast", threading.Event(), threading.Event()

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            while not is_over.is_set():
                try:
                    file.write(bytes(1 << 16))
                except OSError:
                    is_full.set()
                    time.sleep(0.01)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    assert is_full.wait(PATIENT_S)
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

"""The embedded PostgreSQL starts anywhere, for any user, and comes back whatever was killed."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

from cluster.core.errors import DatabaseUnavailable, DatabaseUnusable
from cluster.store.database.engine import build_engine, check_database
from cluster.store.server.embedded import is_embedded_running, start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles, hold_lock
from cluster.store.server.server_process import find_processes, find_server_process
from tests.embedded import START, ask, run_python
from tests.waiting import PATIENT_S


def test_a_started_server_answers_and_starting_again_changes_nothing(folder: Path) -> None:
    assert not is_embedded_running(folder)
    url = start_embedded(folder)
    assert ask(url, b"SELECT current_database()") == "headcount"
    assert ask(url, b"SHOW fsync") == ask(url, b"SHOW synchronous_commit") == "on"
    server = find_server_process(ServerFiles.under(folder))
    assert start_embedded(folder) == url
    assert find_server_process(ServerFiles.under(folder)) == server
    assert is_embedded_running(folder)
    assert stop_embedded(folder)
    assert not is_embedded_running(folder)
    assert find_processes(ServerFiles.under(folder)) == []


def test_nobody_else_may_read_the_data(folder: Path) -> None:
    start_embedded(folder)
    for path in (folder / "postgres", folder / "postgres" / "data"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.long
@pytest.mark.parametrize("name", ["a b 'c' \"d\" $(e)", "ä%20,x", "x" * 120])
def test_a_data_directory_may_have_any_name(folder: Path, name: str) -> None:
    url = start_embedded(folder / name)
    engine = build_engine(url)
    check_database(engine)
    engine.dispose()
    assert start_embedded(folder / name) == url


@pytest.mark.long
def test_processes_that_start_it_at_the_same_time_share_one_server(folder: Path) -> None:
    starters = [run_python(START, folder) for _ in range(4)]
    answers = {starter.communicate(timeout=PATIENT_S)[0] for starter in starters}
    assert len(answers) == 1
    assert [starter.returncode for starter in starters] == [0] * 4
    assert ask(answers.pop().strip()) == 1


@pytest.mark.long
def test_a_starter_killed_on_the_way_leaves_nothing_in_the_way(folder: Path) -> None:
    for wait_s in (0.3, 0.6, 0.9):
        starter = run_python(START, folder)
        time.sleep(wait_s)
        starter.kill()
        starter.communicate()
    assert ask(start_embedded(folder)) == 1


def test_a_killed_server_comes_back_with_what_was_committed(folder: Path) -> None:
    url = start_embedded(folder)
    ask(url, b"CREATE TABLE kept AS SELECT 7 AS n")
    for _ in range(2):
        server = find_server_process(ServerFiles.under(folder))
        assert server is not None
        server.send_signal(signal.SIGKILL)
        assert start_embedded(folder) == url
        assert ask(url, b"SELECT n FROM kept") == 7


@pytest.mark.long
def test_a_server_that_is_killed_while_it_starts_is_started_again(folder: Path) -> None:
    url = start_embedded(folder)
    assert stop_embedded(folder)
    killed: list[int] = []

    def kill_twice() -> None:
        while len(killed) < 2:
            server = find_server_process(ServerFiles.under(folder))
            if server is not None and server.pid not in killed:
                server.kill()
                killed.append(server.pid)

    killer = threading.Thread(target=kill_twice, daemon=True)
    killer.start()
    assert start_embedded(folder) == url
    # A server that was killed late had started; its next user starts it again, as above.
    while killer.is_alive():
        start_embedded(folder)
    assert ask(start_embedded(folder)) == 1


@pytest.mark.long
def test_a_stale_pid_file_of_a_living_stranger_does_not_mislead(folder: Path) -> None:
    url = start_embedded(folder)
    files = ServerFiles.under(folder)
    pid_file = files.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    assert stop_embedded(folder)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert not is_embedded_running(folder)
    assert start_embedded(folder) == url
    assert ask(url) == 1


@pytest.mark.long
def test_an_unfinished_data_directory_is_made_anew(folder: Path) -> None:
    (folder / "postgres" / "data.new").mkdir(parents=True)
    (folder / "postgres" / "start.lock").touch()
    (folder / "postgres" / "data.new" / "PG_VERSION").write_text("18\n")
    assert ask(start_embedded(folder)) == 1


@pytest.mark.long
def test_an_initdb_whose_starter_was_killed_is_in_nobodys_way(folder: Path) -> None:
    abandoned = folder / "postgres" / "data.new"
    abandoned.mkdir(parents=True)
    (folder / "postgres" / "start.lock").touch()
    is_started = threading.Event()

    def go_on_writing() -> None:
        for number in itertools.count():
            if is_started.is_set():
                return
            abandoned.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                (abandoned / str(number)).touch()

    writer = threading.Thread(target=go_on_writing, daemon=True)
    writer.start()
    try:
        assert ask(start_embedded(folder)) == 1
    finally:
        is_started.set()
        writer.join()


@pytest.mark.long
def test_a_failed_start_names_the_log(folder: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"shared_buffers.*postgres/log"):
        start_embedded(folder, options={"shared_buffers": "nonsense"})


def test_data_of_another_version_is_refused(folder: Path) -> None:
    data = folder / "postgres" / "data"
    data.mkdir(parents=True)
    (folder / "postgres" / "start.lock").touch()
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(DatabaseUnusable, match=r"PostgreSQL 12.*jobs\.upgrade_database"):
        start_embedded(folder)


def test_a_folder_that_cannot_be_made_is_a_clear_error(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="cannot use"):
        start_embedded(folder / "file" / "inside")


def test_a_lock_is_free_again_when_its_block_ends(folder: Path) -> None:
    for _ in range(2):
        with hold_lock(folder / "lock"):
            pass

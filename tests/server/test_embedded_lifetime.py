"""The embedded PostgreSQL runs as long as a process uses it, however its users end."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from cluster.store.database.engine import build_engine, check_database
from cluster.store.server.embedded import is_embedded_running, start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_process import find_processes, find_server_process
from cluster.store.server.server_watch import GRACE_S, POLL_S
from tests.embedded import START, ask, find_watches, run_python, start_elsewhere
from tests.waiting import wait_until

BRIEF_CLIENT = """
import sys, time
from cluster.store.database.engine import build_engine
connection = build_engine(sys.argv[1]).connect()
print("connected", flush=True)
time.sleep(1)
"""
FORKING = START.replace("sys.stdin.read()", "import os; os.fork(); sys.stdin.read()")


def is_gone(data_dir: Path) -> bool:
    return not find_processes(ServerFiles.under(data_dir)) and not find_watches(data_dir)


@pytest.mark.long
def test_it_is_not_stopped_while_another_process_uses_it(folder: Path) -> None:
    start_embedded(folder)
    other, _ = start_elsewhere(folder)
    assert not stop_embedded(folder)
    assert is_embedded_running(folder)
    other.kill()
    other.wait()
    assert stop_embedded(folder)


@pytest.mark.long
def test_a_connection_that_ends_a_moment_later_leaves_no_server_behind(folder: Path) -> None:
    worker = run_python(BRIEF_CLIENT, start_embedded(folder))
    assert worker.stdout is not None
    assert worker.stdout.readline() == "connected\n"
    assert stop_embedded(folder)
    assert not is_embedded_running(folder)


@pytest.mark.long
def test_a_connection_that_nobody_ends_keeps_no_server(folder: Path) -> None:
    engine = build_engine(start_embedded(folder))
    check_database(engine)
    assert stop_embedded(folder)
    engine.dispose()


@pytest.mark.long
def test_when_all_who_use_it_are_killed_it_ends_by_itself_and_cleanly(folder: Path) -> None:
    users = [start_elsewhere(folder) for _ in range(2)]
    url = users[0][1]
    ask(url, b"CREATE TABLE kept AS SELECT 7 AS n")
    for process, _ in users:
        process.kill()
    wait_until(lambda: is_gone(folder), "the server and its watch have ended")
    files = ServerFiles.under(folder)
    assert not (files.data / "postmaster.pid").exists()
    assert "database system is shut down" in files.log.read_text().splitlines()[-1]
    assert start_embedded(folder) == url
    assert ask(url, b"SELECT n FROM kept") == 7


@pytest.mark.long
def test_a_user_that_is_killed_on_the_way_leaves_no_server_behind(folder: Path) -> None:
    for wait_s in (0.4, 0.8, 1.2):
        starter = run_python(START, folder)
        time.sleep(wait_s)
        starter.kill()
    wait_until(lambda: is_gone(folder), "the server and its watch have ended")


@pytest.mark.long
def test_it_goes_on_for_who_is_left_when_others_are_killed(folder: Path) -> None:
    start_embedded(folder)
    before = find_server_process(ServerFiles.under(folder))
    other, _ = start_elsewhere(folder)
    other.kill()
    time.sleep(GRACE_S + 3 * POLL_S)
    assert before is not None
    assert find_server_process(ServerFiles.under(folder)) == before
    assert len(find_watches(folder)) == 1


@pytest.mark.long
def test_a_process_that_was_forked_by_a_user_keeps_no_server(folder: Path) -> None:
    parent = run_python(FORKING, folder)
    assert parent.stdout is not None
    parent.stdout.readline()
    (child,) = wait_until(lambda: psutil.Process(parent.pid).children(), "the process has forked")
    parent.kill()
    try:
        wait_until(lambda: is_gone(folder), "the server and its watch have ended")
        assert child.is_running()
    finally:
        child.kill()


@pytest.mark.long
def test_a_killed_watch_is_replaced_by_whoever_comes_next(folder: Path) -> None:
    user, _ = start_elsewhere(folder)
    (watch,) = wait_until(lambda: find_watches(folder), "a watch stands beside the server")
    watch.kill()
    wait_until(lambda: not find_watches(folder), "the killed watch is gone")
    start_embedded(folder)
    wait_until(lambda: find_watches(folder), "another watch stands beside the server")
    user.kill()
    user.wait()
    assert stop_embedded(folder)
    wait_until(lambda: is_gone(folder), "the watch ends with the server")


@pytest.mark.long
def test_many_who_come_at_once_have_one_watch(folder: Path) -> None:
    users = [run_python(START, folder) for _ in range(4)]
    for user in users:
        assert user.stdout is not None
        user.stdout.readline()
    wait_until(lambda: len(find_watches(folder)) == 1, "one watch is left")
    for user in users:
        user.kill()


@pytest.mark.long
def test_a_killed_server_that_is_started_again_is_watched(folder: Path) -> None:
    user, _ = start_elsewhere(folder)
    for process in find_processes(ServerFiles.under(folder)):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    second, url = start_elsewhere(folder)
    assert ask(url) == 1
    user.kill()
    second.kill()
    wait_until(lambda: is_gone(folder), "the server and its watch have ended")


@pytest.mark.long
def test_a_watch_holds_on_to_nothing_of_a_folder_that_is_gone(folder: Path) -> None:
    start_embedded(folder)
    wait_until(lambda: find_watches(folder), "a watch stands beside the server")
    home = folder / "postgres"
    home.rename(folder / "elsewhere")
    wait_until(lambda: not find_watches(folder), "the watch has ended")
    (folder / "elsewhere").rename(home)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_a_watch_is_small(folder: Path) -> None:
    start_embedded(folder)
    (watch,) = wait_until(lambda: find_watches(folder), "a watch stands beside the server")
    assert watch.memory_info().rss < 20 << 20
    assert watch.num_threads() == 1
    assert os.getsid(watch.pid) != os.getsid(0)

"""The files that the Rays of a user leave on the disk, and how commands find them."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster.core.errors import BadSetting, UnsafeFolder
from cluster.private_folder import FALLBACK, LONGEST_PARENT, open_private_folder
from jobs.running import ray_files
from jobs.running.ray_files import (
    RunningRay,
    announced,
    find_any_token,
    find_token,
    list_running,
    open_ray_folder,
    provide_token,
    was_killed,
)


@pytest.fixture
def listening() -> Iterator[list[str]]:
    """The addresses of two servers that accept connections."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        yield [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder for this test alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(ray_files, "open_private_folder", lambda: open_private_folder(folder))
    return folder


def make_ray(folder: Path, address: str, name: str) -> RunningRay:
    (folder / name).mkdir(parents=True)
    return RunningRay(address, "", str(folder / name))


def test_of_two_runs_over_one_library_each_is_found_whichever_ends_first(
    tmp_path: Path, listening: list[str]
) -> None:
    first, second = (make_ray(tmp_path, a, f"{n}") for n, a in enumerate(listening))
    for ends_first, stays in ((first, second), (second, first)):
        with ExitStack() as stack, ExitStack() as others:
            others.enter_context(announced(stays, data_dir=tmp_path))
            stack.enter_context(announced(ends_first, data_dir=tmp_path))
            assert {ray.address for ray in list_running(tmp_path)} == set(listening)
            stack.close()
            assert list_running(tmp_path) == [stays]
            for ray in (ends_first, stays):
                (Path(ray.folder) / ray_files.TOKEN_FILE).unlink()
    assert list_running(tmp_path) == []


def test_a_run_that_was_killed_is_told_from_one_that_ended(
    tmp_path: Path, listening: list[str]
) -> None:
    assert not was_killed(tmp_path)
    ray = make_ray(tmp_path, listening[0], "ray")
    with announced(ray, data_dir=tmp_path):
        assert not was_killed(tmp_path)
        (file,) = (tmp_path / "ray").glob("*.json")
        left = file.read_bytes()
    assert not was_killed(tmp_path)
    file.write_bytes(left)  # Its lock is free, as after kill -9.
    assert was_killed(tmp_path)
    assert list_running(tmp_path) == []
    with announced(make_ray(tmp_path, listening[1], "next"), data_dir=tmp_path):
        assert not was_killed(tmp_path), "the next run removes it"


def test_a_ray_that_answers_no_more_is_not_found(tmp_path: Path) -> None:
    with announced(make_ray(tmp_path, "127.0.0.1:1", "dead"), data_dir=tmp_path):
        assert list_running(tmp_path) == []


def test_the_token_is_for_its_user_alone_and_stays(tmp_path: Path) -> None:
    assert find_token(tmp_path) is None
    file = provide_token(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    token = file.read_text()
    assert len(token) == 64
    assert provide_token(tmp_path).read_text() == token
    assert find_token(tmp_path) == file
    assert [path.name for path in file.parent.iterdir()] == ["token"]


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    provide_token(tmp_path).chmod(0o644)
    with pytest.raises(BadSetting, match="not belong to you alone"):
        provide_token(tmp_path)


def test_the_token_of_any_ray_of_this_user_is_found(
    tmp_path: Path, temporary: Path, listening: list[str]
) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    provide_token(here)
    token = provide_token(elsewhere)
    with open_ray_folder() as folder:
        ray = RunningRay(listening[0], "", str(folder))
        with announced(ray, data_dir=elsewhere):
            assert find_any_token(here) == token
            assert find_any_token(elsewhere) == token
    assert find_any_token(here) == here / "ray/token"
    assert find_any_token(tmp_path / "none") is None


def test_of_rays_that_ended_the_last_ones_logs_stay_and_nothing_else(temporary: Path) -> None:
    for _ in range(3):
        with open_ray_folder() as folder:
            session = folder / "session_1"
            for name in ("logs", "ray_spilled_objects"):
                (session / name).mkdir(parents=True)
                (session / name / "file").touch()
            (folder / "session_latest").symlink_to(session)
            (folder / "left-by-a-process").mkdir()
        (folder.with_name("abcd") / "written-after-its-end").mkdir(parents=True)
    with open_ray_folder() as folder:
        (folder / "session_1/logs").mkdir(parents=True)
        (folder / "session_1/logs/file").touch()
    (parent,) = temporary.iterdir()
    (last,) = [entry for entry in parent.iterdir() if entry.is_dir()]
    assert last == folder
    assert [entry.name for entry in last.iterdir()] == ["session_1"]
    assert [entry.name for entry in (last / "session_1").iterdir()] == ["logs"]
    assert (last / "session_1/logs/file").exists()


def test_what_a_ray_that_runs_writes_is_left_alone(temporary: Path) -> None:
    with open_ray_folder() as first:
        (first / "session_1/sockets").mkdir(parents=True)
        for _ in range(3):
            with open_ray_folder():
                pass
        assert (first / "session_1/sockets").is_dir()


def test_a_private_folder_is_closed_and_may_be_there_already(tmp_path: Path) -> None:
    folder = open_private_folder(tmp_path)
    assert open_private_folder(tmp_path) == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["link", "file", "open", "foreign"])
def test_a_private_folder_that_somebody_else_prepared_is_refused(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / f"headcount-{os.geteuid()}"
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    if kind == "link":
        folder.symlink_to(target)
    elif kind == "file":
        folder.touch()
    else:
        folder.mkdir(mode=0o700)
        if kind == "open":
            folder.chmod(0o750)
        elif os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        else:
            pytest.skip("needs root to give a folder to another user")
    with pytest.raises(UnsafeFolder, match="set TMPDIR"):
        open_private_folder(tmp_path)


def test_a_temporary_folder_with_a_long_name_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * LONGEST_PARENT)
    long.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(long))
    assert open_private_folder().parent == FALLBACK

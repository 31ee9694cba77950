"""What a user or an environment does wrong is told in one sentence that names it and the cure."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.headcount import Headcount, read_figures
from tests.waiting import PATIENT_S

pytestmark = pytest.mark.long

FAILED = 1


@dataclass(frozen=True)
class Bad:
    """What is wrong: variables, made by a function of an empty folder, and what is said of it."""

    make: Callable[[Path], dict[str, str]]
    said: str


def give(**variables: str) -> Callable[[Path], dict[str, str]]:
    return lambda folder: {k: v.replace("FOLDER", str(folder)) for k, v in variables.items()}


def put_file(name: str, **variables: str) -> Callable[[Path], dict[str, str]]:
    def make(folder: Path) -> dict[str, str]:
        (folder / name).write_text("a file")
        return give(**variables)(folder)

    return make


def plant(kind: str) -> Callable[[Path], dict[str, str]]:
    """Let somebody else have made the temporary folder first, where its path can be computed."""

    def make(folder: Path) -> dict[str, str]:
        short = Path("/tmp") / f"hcp{os.getpid()}"
        short.mkdir(exist_ok=True)
        planted = short / f"headcount-{os.geteuid()}"
        if planted.is_symlink() or planted.is_file():
            planted.unlink()
        elif planted.exists():
            planted.rmdir()
        if kind == "link":
            planted.symlink_to(folder)
        elif kind == "file":
            planted.touch()
        else:
            planted.mkdir(mode=0o777)
            planted.chmod(0o777)
        return {"TMPDIR": str(short)}

    return make


TABLE = {
    "a data_dir that is a file": Bad(put_file("data", HEADCOUNT_DATA_DIR="FOLDER/data"), "data"),
    "a data_dir below a file": Bad(put_file("data", HEADCOUNT_DATA_DIR="FOLDER/data/dir"), "data"),
    "a home that cannot be written": Bad(
        give(HOME="/proc", HEADCOUNT_DATA_DIR="~/headcount"), "/proc/headcount"
    ),
    "a database that does not exist": Bad(
        give(HEADCOUNT_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x"), "127.0.0.1:1"
    ),
    "a database of another kind": Bad(give(HEADCOUNT_DATABASE_URL="mysql://a/b"), "postgresql://"),
    "a cluster that is gone": Bad(give(RAY_ADDRESS="127.0.0.1:1"), "127.0.0.1:1"),
    "a cluster without a port": Bad(give(RAY_ADDRESS="somewhere"), "HOST:PORT"),
    "a token for Ray that is not there": Bad(
        give(RAY_AUTH_TOKEN_PATH="FOLDER/none"), "FOLDER/none"
    ),
    "a temporary folder that is a link": Bad(plant("link"), "link"),
    "a temporary folder that is a file": Bad(plant("file"), "not a folder"),
    "a temporary folder that others may enter": Bad(plant("open"), "others may enter"),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_environment_is_told_in_one_sentence(
    name: str, demo_library: Path, headcount: Headcount, tmp_path: Path
) -> None:
    bad = TABLE[name]
    (tmp_path / "bad").mkdir()
    headcount.extra = bad.make(tmp_path / "bad")
    code, output = headcount.run("--root", str(demo_library), timeout_s=PATIENT_S)
    said = bad.said.replace("FOLDER", str(tmp_path / "bad"))
    assert code == FAILED, output
    assert said in output
    assert "Traceback" not in output
    assert all(line.startswith("headcount: ") for line in output.splitlines()), output


def test_a_server_that_is_no_ray_is_told_from_one(
    demo_library: Path, headcount: Headcount, listener: str
) -> None:
    headcount.extra = {"RAY_ADDRESS": listener}
    code, output = headcount.run("--root", str(demo_library), timeout_s=PATIENT_S)
    assert code == FAILED
    assert f"No Ray cluster answers at {listener}" in output
    assert len(output.splitlines()) == 1, output


@pytest.fixture
def listener() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.drill
def test_a_strange_environment_does_not_keep_a_session_from_its_end(
    demo_library: Path, headcount: Headcount, tmp_path: Path
) -> None:
    """Long temporary folders, a home that cannot be written, proxies, libpq's own variables, ..."""
    long = tmp_path / ("temporary" * 6)
    long.mkdir()
    dead = "http://127.0.0.1:9"
    headcount.extra = {
        "TMPDIR": str(long),
        "HOME": "/proc",
        "HEADCOUNT_API_TOKEN": "token-of-a-strange-environment",
        "http_proxy": dead,
        "HTTPS_PROXY": dead,
        "ALL_PROXY": dead,
        "no_proxy": "",
        "PGSERVICE": "work",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": "1",
        "PGOPTIONS": "--nonsense",
        "PGSSLMODE": "require",
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "C",
        "RAY_ADDRESS": "",
    }
    code, output = headcount.run("--root", str(demo_library), timeout_s=PATIENT_S)
    assert code == 0, output
    assert read_figures(output)["files"] == 61
    assert "Traceback" not in output

"""Nothing is sent anywhere, and nothing is written beside what SECURITY.md lists."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.headcount import PROJECT_DIR
from tests.unit.tiny_packs import write_tiny_pack
from tests.waiting import PATIENT_S

pytestmark = pytest.mark.long

IN_A_NETWORK = ("unshare", "--net", "--mount")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """An empty home, whose path is short enough for the sockets of Ray."""
    folder = Path("/tmp") / f"hc{os.getpid()}"
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def has_networks() -> bool:
    """Tell whether this process may make a network of its own."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        return False
    tried = subprocess.run(
        [*IN_A_NETWORK, "ip", *"link add name near type veth peer name far".split()],  # noqa: SIM905
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


@pytest.fixture(scope="module")
def packets(home: Path, demo_library: Path) -> list[str]:
    """What two whole sessions with an ONNX pack, a search and the page sent to other machines."""
    if not has_networks():
        pytest.skip("needs root, unshare and ip, to run in a network of its own")
    pack = write_tiny_pack(home.parent / f"{home.name}-pack")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HEADCOUNT_", "RAY_", "ORT_", "XDG_"))
    }
    environment |= {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    data_dir = home / ".local/share/headcount"
    arguments = [str(data_dir), str(demo_library / "party"), str(pack)]
    ran = subprocess.run(
        [*IN_A_NETWORK, sys.executable, "-m", "tests.end_to_end.confined", *arguments],
        cwd=PROJECT_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )
    shutil.rmtree(pack)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sent: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return sent


def test_nothing_is_sent_and_no_name_is_looked_up(packets: list[str]) -> None:
    assert packets == []


def test_a_run_writes_into_its_data_dir_and_one_private_temporary_folder_only(
    packets: list[str], home: Path
) -> None:
    temporary = home / f"headcount-{os.geteuid()}"
    data_dir = home / ".local/share/headcount"
    others = [
        str(path)
        for path in home.rglob("*")
        if not path.is_relative_to(data_dir)
        and not path.is_relative_to(temporary)
        and path not in data_dir.parents
    ]
    assert others == []


def test_what_a_run_writes_is_for_its_user_alone(packets: list[str], home: Path) -> None:
    server = home / ".local/share/headcount/postgres"
    for place in (home / ".local/share/headcount", home / f"headcount-{os.geteuid()}"):
        assert place.stat().st_mode & 0o077 == 0, place
        assert place.stat().st_uid == os.geteuid()
    open_to_others = [
        str(path)
        for path in (home / ".local/share/headcount").rglob("*")
        if not path.is_symlink()
        and (path.stat().st_mode & 0o077 or not _is_owned(path, server=server))
    ]
    assert open_to_others == []


def _is_owned(path: Path, *, server: Path) -> bool:
    """Everything is the user's; as root, the database's files are those of its own user."""
    owner = path.stat().st_uid
    is_servers = path == server or server in path.parents
    return owner == os.geteuid() or (os.geteuid() == 0 and is_servers)

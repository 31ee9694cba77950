"""The embedded PostgreSQL makes no closed folder accessible, and closes its own to others."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.core.errors import DatabaseUnavailable
from cluster.store.server import server_programs
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles, hold_lock
from cluster.store.server.server_user import SYSTEM_USER, USERS_LOCK, prepare_folders
from tests.embedded import ONLY_ROOT, ask, run_python, start_elsewhere

STRANGER = "nobody"

GET_IN = """
import os, sys, psycopg
from urllib.parse import parse_qs, urlsplit
url = sys.argv[1]
(host,) = parse_qs(urlsplit(url).query)["host"]
for name, attempt in {
    "listed": lambda: os.listdir(host),
    "connected": lambda: psycopg.connect(url),
    "read": lambda: open(os.path.join(host, "log")).read(),
}.items():
    try:
        attempt()
        print(name)
    except (OSError, psycopg.OperationalError):
        pass
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def modes_above(path: Path) -> dict[Path, int]:
    return {folder: mode_of(folder) for folder in path.parents}


@pytest.fixture
def closed(folder: Path) -> Path:
    """A folder with mode 0700, like a home directory."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    return home


@pytest.fixture
def closed_programs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """PostgreSQL's programs in a folder that only its owner may enter, and the place of copies."""
    site = folder / "checkout"
    installed = server_programs.find_programs()
    parts = server_programs._list_parts(installed)
    for part in parts:
        shutil.copytree(installed.parents[2] / part, site / part)
    site.chmod(0o700)
    programs = site / parts[0]
    cache = Path(tempfile.mkdtemp(prefix="headcount-", dir="/var/cache"))
    cache.chmod(0o755)
    monkeypatch.setattr(server_programs, "find_programs", lambda: programs)
    monkeypatch.setattr(server_programs, "CACHE", cache)
    yield programs
    shutil.rmtree(cache)


@pytest.mark.long
def test_no_folder_above_the_data_is_opened(closed: Path) -> None:
    data_dir = closed / "photos" / "data"
    before = modes_above(closed / "x")
    assert ask(start_embedded(data_dir)) == 1
    assert {folder: mode_of(folder) for folder in before} == before
    assert mode_of(closed / "photos") == mode_of(data_dir) == 0o700


def test_what_is_made_is_closed_to_others(closed: Path) -> None:
    start_embedded(closed / "data")
    home = closed / "data" / "postgres"
    for path in home.rglob("*"):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            assert mode_of(path) in (0o600, 0o700), path
    assert mode_of(home) == 0o700


@pytest.mark.long
def test_a_data_dir_that_others_may_enter_stays_as_it_is(folder: Path) -> None:
    data_dir = folder / "data"
    data_dir.mkdir()
    data_dir.chmod(0o755)
    start_embedded(data_dir)
    assert mode_of(data_dir) == 0o755
    assert mode_of(data_dir / "postgres") == 0o700


@pytest.mark.long
@ONLY_ROOT
def test_programs_that_the_servers_user_cannot_reach_are_copied(
    folder: Path, closed_programs: Path
) -> None:
    before = modes_above(closed_programs)
    url = start_embedded(folder / "data")
    ask(url, b"CREATE EXTENSION vector")
    assert ask(url, b"SELECT vector_dims('[1,2]'::vector)") == 2
    assert modes_above(closed_programs) == before
    (copy,) = (server_programs.CACHE / "headcount").iterdir()
    assert {mode_of(path) for path in copy.rglob("*")} == {0o755, 0o644}
    assert stop_embedded(folder / "data")
    start_embedded(folder / "data")
    assert list((server_programs.CACHE / "headcount").iterdir()) == [copy]


@pytest.mark.long
@ONLY_ROOT
def test_programs_that_roots_umask_hid_are_copied(folder: Path, closed_programs: Path) -> None:
    closed_programs.parents[2].chmod(0o755)
    (closed_programs / "postgres").chmod(0o700)
    assert ask(start_embedded(folder / "data")) == 1
    assert mode_of(closed_programs / "postgres") == 0o700


@pytest.mark.long
@ONLY_ROOT
@pytest.mark.parametrize("obstacle", ["link", "open", "strangers"])
def test_a_copy_that_others_could_change_is_not_run(
    folder: Path, closed_programs: Path, obstacle: str
) -> None:
    place = server_programs.CACHE / "headcount"
    if obstacle == "link":
        place.symlink_to(folder)
    else:
        place.mkdir()
        place.chmod(0o777 if obstacle == "open" else 0o755)
    if obstacle == "strangers":
        os.chown(place, pwd.getpwnam(STRANGER).pw_uid, -1)
    with pytest.raises(DatabaseUnavailable, match=r"cannot read .*checkout.*ordinary user"):
        start_embedded(folder / "data")


@pytest.mark.long
@ONLY_ROOT
@pytest.mark.parametrize("name", ["data", "long" * 30])
def test_another_user_gets_in_nowhere(folder: Path, name: str) -> None:
    folder.chmod(0o755)
    (folder / name).mkdir(mode=0o755)
    process = run_python(GET_IN, start_embedded(folder / name), user=STRANGER)
    assert process.communicate()[0] == ""


@pytest.mark.long
@ONLY_ROOT
def test_an_ordinary_user_starts_it_as_himself_and_root_joins(folder: Path) -> None:
    user = pwd.getpwnam(STRANGER)
    folder.chmod(0o711)
    own = folder / "own"
    own.mkdir(mode=0o700)
    os.chown(own, user.pw_uid, user.pw_gid)
    process, url = start_elsewhere(own, user=STRANGER)
    assert start_embedded(own) == url
    assert ask(url) == 1
    process.kill()
    process.wait()
    assert stop_embedded(own)
    owners = {path.lstat().st_uid for path in (own / "postgres").rglob("*")}
    assert owners == {user.pw_uid}
    # Root starts it now, and then its owner may start it again.
    start_embedded(own)
    process, url = start_elsewhere(own, user=STRANGER)
    assert ask(url) == 1
    process.kill()


@pytest.mark.long
@ONLY_ROOT
def test_a_folder_of_that_name_that_is_not_ours_is_left_alone(folder: Path) -> None:
    home = folder / "postgres"
    home.mkdir(mode=0o755)
    (home / "somebody's").touch()
    with pytest.raises(DatabaseUnavailable, match="was not made by Headcount"):
        start_embedded(folder)
    assert mode_of(home) == 0o755
    assert home.stat().st_uid == 0


@pytest.mark.long
@ONLY_ROOT
@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to])
@pytest.mark.parametrize("name", ["log", "start.lock", "use.lock", "server.lock", "watch.lock"])
def test_a_second_name_in_its_folder_writes_no_other_file(
    folder: Path, name: str, make: object
) -> None:
    """The server's user owns the folder, and could place links there that root opens."""
    files = ServerFiles.under(folder)
    prepare_folders(files)
    victim = folder / "victim"
    victim.write_text("kept")
    owner = pwd.getpwnam(SYSTEM_USER)
    make(files.home / name, victim)  # type: ignore[operator]
    with pytest.raises(DatabaseUnavailable, match=name):
        start_embedded(folder)
    (files.home / name).unlink()
    assert victim.read_text() == "kept"
    assert victim.stat().st_uid != owner.pw_uid


NAMELESS = 61_234
"""A user id that no user of the machine has."""


def give_to(home: Path, uid: int) -> None:
    for path in (home, *home.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


@pytest.mark.long
@ONLY_ROOT
@pytest.mark.parametrize("is_used", [False, True])
def test_a_folder_whose_owner_has_no_name_here_is_given_to_the_user_of_the_server(
    folder: Path, is_used: bool
) -> None:
    """A volume may move to another container, where the server's user has another id."""
    files = ServerFiles.under(folder)
    prepare_folders(files)
    if is_used:
        ask(start_embedded(folder), b"CREATE TABLE kept AS SELECT 7 AS number")
        assert stop_embedded(folder)
    (folder / "victim").write_text("root's own")
    give_to(files.home, NAMELESS)
    (files.home / "planted").hardlink_to(folder / "victim")
    url = start_embedded(folder)
    assert ask(url, b"SELECT number FROM kept" if is_used else b"SELECT 7") == 7
    assert files.data.stat().st_uid == pwd.getpwnam(SYSTEM_USER).pw_uid
    assert (folder / "victim").stat().st_uid == 0
    assert stop_embedded(folder)


BECOME = """
import os, sys
from pathlib import Path
from cluster.core.errors import DatabaseUnavailable
from cluster.store.server.embedded import start_embedded
os.setgroups([])
os.setgid({uid})
os.setuid({uid})
"""
"""Imports come first, because the other user may not be allowed to read this Python's folder."""

START_ANEW = """
try:
    start_embedded(Path(sys.argv[1]))
except DatabaseUnavailable as error:
    print(error)
"""


@pytest.mark.long
@ONLY_ROOT
def test_a_user_without_a_name_is_told_what_to_do(folder: Path) -> None:
    folder.chmod(0o755)
    data_dir = folder / "data"
    data_dir.mkdir()
    os.chown(data_dir, NAMELESS, NAMELESS)
    process = run_python(BECOME.format(uid=NAMELESS) + START_ANEW, data_dir)
    said, _ = process.communicate()
    assert f"user {NAMELESS}, who has no name on this machine; add one to /etc/passwd" in said


OPEN_FOR_READING = """
try:
    print(os.open(sys.argv[1], os.O_RDONLY))
except PermissionError:
    print("closed")
"""


@ONLY_ROOT
def test_nobody_else_can_hold_what_root_waits_for() -> None:
    with hold_lock(USERS_LOCK):
        pass
    process = run_python(BECOME.format(uid=NAMELESS) + OPEN_FOR_READING, USERS_LOCK)
    assert process.communicate()[0] == "closed\n"


ASK_FOR_THE_USER = """
import sys
from cluster.store.server import server_user
server_user.SYSTEM_USER = sys.argv[1]
sys.stdin.read()
print(server_user._system_user().pw_uid)
"""


@pytest.mark.long
@ONLY_ROOT
def test_processes_that_add_the_user_at_once_agree_on_its_number() -> None:
    name = f"headcount-{os.getpid()}"
    processes = [run_python(ASK_FOR_THE_USER, name) for _ in range(4)]
    try:
        numbers = [process.communicate()[0] for process in processes]
        assert set(numbers) == {f"{pwd.getpwnam(name).pw_uid}\n"}
    finally:
        subprocess.run(["userdel", name], check=True)


@pytest.mark.long
def test_the_way_to_a_long_path_is_a_link_that_goes_with_the_server(folder: Path) -> None:
    files = ServerFiles.under(folder / ("long" * 30))
    start_embedded(files.home.parent)
    assert files.address.readlink() == files.home
    assert mode_of(files.address.parent) == 0o700
    assert stop_embedded(files.home.parent)
    assert not files.address.is_symlink()


@pytest.mark.long
def test_a_server_is_found_again_when_its_link_was_cleared_away(folder: Path) -> None:
    data_dir = folder / ("long" * 30)
    url = start_embedded(data_dir)
    ServerFiles.under(data_dir).address.unlink()
    assert start_embedded(data_dir) == url
    assert ask(url) == 1


@pytest.mark.long
@ONLY_ROOT
def test_it_starts_for_root_in_a_place_that_mktemp_made() -> None:
    made = subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True)
    data_dir = Path(made.stdout.strip())
    try:
        assert ask(start_embedded(data_dir)) == 1
        assert mode_of(data_dir) == 0o700
        assert data_dir.stat().st_uid == 0
        assert stop_embedded(data_dir)
    finally:
        shutil.rmtree(data_dir)

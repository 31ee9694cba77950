"""What the Rays of this user leave on the disk: a temporary folder each, an address, a token.

Ray opens its temporary folder to everybody (0777), so it lies in a folder of our own that nobody
else may enter. The address of a running Ray is a file in `data_dir/ray`, whose lock the process
that started Ray holds: a file without a holder is one that a killed run could not take away.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.core.errors import BadSetting
from cluster.private_folder import open_private_folder

CONNECT_S = 2.0
TOKEN_FILE = "token"


@dataclass(frozen=True, slots=True)
class RunningRay:
    """A local Ray, as the file that tells of it says: its address, dashboard and folder."""

    address: str
    dashboard_url: str
    folder: str

    def answers(self) -> bool:
        """Tell whether something listens at the address."""
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        except (OSError, ValueError):
            return False
        return True


def ray_files(data_dir: Path) -> Path:
    """Return the folder of this library's Ray files."""
    return data_dir / "ray"


@contextmanager
def open_ray_folder() -> Iterator[Path]:
    """Give an empty temporary folder for a Ray, whose parent only this user may enter.

    Those of Rays that have ended are removed. When this one ends, its logs stay until the next.
    """
    parent = open_private_folder()
    remove_ended(parent)
    folder = parent / secrets.token_hex(2)
    while folder.exists():
        folder = parent / secrets.token_hex(2)
    with _held(folder.with_suffix(".lock")):
        folder.mkdir(mode=0o700)
        yield folder
        remove_all_but_logs(folder)


def remove_ended(parent: Path) -> None:
    """Remove the temporary folders of Rays that have ended."""
    for lock in parent.glob("????.lock"):
        if not is_held(lock):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)


def remove_all_but_logs(folder: Path) -> None:
    """Leave of a Ray's temporary folder its logs alone: spilled objects may hold faces."""
    for entry in folder.iterdir():
        if not entry.is_dir() or entry.is_symlink():
            entry.unlink(missing_ok=True)
        elif not entry.name.startswith("session_"):
            shutil.rmtree(entry, ignore_errors=True)
        else:
            _remove_all_but(entry, "logs")


def _remove_all_but(folder: Path, kept: str) -> None:
    for entry in folder.iterdir():
        if entry.name == kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


@contextmanager
def announced(ray: RunningRay, *, data_dir: Path) -> Iterator[None]:
    """Let other commands of this user find a Ray and its token until the block ends."""
    remove_stale(data_dir)
    (Path(ray.folder) / TOKEN_FILE).symlink_to((ray_files(data_dir) / TOKEN_FILE).absolute())
    file = ray_files(data_dir) / f"{Path(ray.folder).name}.json"
    new = file.with_suffix(".new")
    with _held(new) as descriptor:
        os.write(descriptor, json.dumps(asdict(ray)).encode())
        new.rename(file)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def list_running(data_dir: Path) -> list[RunningRay]:
    """Return the Rays that run for this library and answer, the oldest first."""
    files = sorted(ray_files(data_dir).glob("*.json"), key=_modified)
    found = (_read(file) for file in files if is_held(file))
    return [ray for ray in found if ray is not None and ray.answers()]


def remove_stale(data_dir: Path) -> None:
    """Remove the address files that killed runs have left."""
    for file in ray_files(data_dir).glob("*.json"):
        if not is_held(file):
            file.unlink(missing_ok=True)


def was_killed(data_dir: Path) -> bool:
    """Tell whether a run of this library ended without taking its address away."""
    return any(not is_held(file) for file in ray_files(data_dir).glob("*.json"))


def provide_token(data_dir: Path) -> Path:
    """Return the file of the token that this library's Rays ask for, made if need be, mode 0600."""
    file = ray_files(data_dir) / TOKEN_FILE
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_token(file):
        new = file.with_name(f"{TOKEN_FILE}-{secrets.token_hex(4)}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as writing:
            writing.write(secrets.token_hex(32))
        try:
            # Of two runs that begin at once one is first, and the other takes its token.
            os.link(new, file)
        except FileExistsError:
            if not _is_token(file):
                new.replace(file)
        new.unlink(missing_ok=True)
    return file


def find_token(data_dir: Path) -> Path | None:
    """Return the token file of a library whose Ray this user has started; None without any."""
    file = ray_files(data_dir) / TOKEN_FILE
    return file if _is_token(file) else None


def find_any_token(data_dir: Path) -> Path | None:
    """Return the token file of a Ray that runs for this library, else of any that this user runs.

    None when there is none; a Ray that has ended has left its token for the next one.
    """
    own = find_token(data_dir)
    if own is not None and list_running(data_dir):
        return own
    locks = [lock for lock in open_private_folder().glob("????.lock") if is_held(lock)]
    for lock in sorted(locks, key=_modified, reverse=True):
        linked = lock.with_suffix("") / TOKEN_FILE
        if linked.exists() and _is_token(linked.resolve()):
            return linked.resolve()
    return own


def _is_token(file: Path) -> bool:
    try:
        found = file.lstat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise BadSetting("data_dir", f"{file} is not yours alone; remove it.")
        return found.st_size > 0
    except FileNotFoundError:
        return False


def is_held(file: Path) -> bool:
    """Tell whether a living process holds the lock of `file`."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _held(file: Path) -> Iterator[int]:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read(file: Path) -> RunningRay | None:
    try:
        return RunningRay(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None

"""The files of this user's local Rays: temporary folders, addresses, and the token.

Ray opens its temporary folder to everybody (0777), so it is in a folder that only this user may
enter. Each running Ray has an address file in `data_dir/ray`. The process that started Ray holds
the file's lock, so a file whose lock is free belongs to a killed run.
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
    """A local Ray, as its address file describes it: address, dashboard and temporary folder."""

    address: str
    dashboard_url: str
    folder: str

    def answers(self) -> bool:
        """Tell whether a process listens at the address."""
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
    """Yield an empty temporary folder for a Ray, in a parent that only this user may enter.

    Folders of Rays that have ended are removed first. At the end, only the logs of this one stay.
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
    for folder in parent.glob("????"):
        # A process that outlived its Ray has written here again. A running Ray has a lock.
        if not folder.with_suffix(".lock").exists():
            shutil.rmtree(folder, ignore_errors=True)


def remove_all_but_logs(folder: Path) -> None:
    """Remove everything except the logs from a Ray's temporary folder: objects may have faces."""
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
    """Publish the address and the token of a Ray to this user's commands until the block ends."""
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
    """Return the Rays of this library that run and answer, the oldest first."""
    files = sorted(ray_files(data_dir).glob("*.json"), key=_modified)
    found = (_read(file) for file in files if is_held(file))
    return [ray for ray in found if ray is not None and ray.answers()]


def remove_stale(data_dir: Path) -> None:
    """Remove the address files of killed runs."""
    for file in ray_files(data_dir).glob("*.json"):
        if not is_held(file):
            file.unlink(missing_ok=True)


def was_killed(data_dir: Path) -> bool:
    """Tell whether a run of this library was killed and left its address file behind."""
    return any(not is_held(file) for file in ray_files(data_dir).glob("*.json"))


def provide_token(data_dir: Path) -> Path:
    """Return the token file of this library's Rays, created with mode 0600 if needed."""
    file = ray_files(data_dir) / TOKEN_FILE
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_token(file):
        new = file.with_name(f"{TOKEN_FILE}-{secrets.token_hex(4)}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as writing:
            writing.write(secrets.token_hex(32))
        try:
            # When two runs begin at once, the first one creates the token and the other uses it.
            os.link(new, file)
        except FileExistsError:
            if not _is_token(file):
                new.replace(file)
        new.unlink(missing_ok=True)
    return file


def find_token(data_dir: Path) -> Path | None:
    """Return the token file of a library's Rays; None when there is none."""
    file = ray_files(data_dir) / TOKEN_FILE
    return file if _is_token(file) else None


def find_any_token(data_dir: Path) -> Path | None:
    """Return the token file of a running Ray: that of this library, or another one of this user.

    Without a running Ray, return the file that the last Ray of this library left, or None.
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
            raise BadSetting("data_dir", f"{file} does not belong to you alone; remove it.")
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

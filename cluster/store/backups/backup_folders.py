"""The folder of a library's backups, which only its user may enter.

A backup is written under a name that begins with a dot, and gets its final name when it is proved.
So each file with a final name is a complete and proved backup, whatever stops the process.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cluster.core.decisions.backups import (
    BackupKind,
    BackupName,
    BackupReason,
    Manifest,
    choose_surplus,
)
from cluster.core.errors import BackupFailed, BadBackup
from cluster.store.backups.backup_archives import read_manifest, sync_folder

PARTIAL = ".partial-"


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """A backup in a folder: its file, its size, and its manifest."""

    file: Path
    bytes: int
    manifest: Manifest


def open_folder(folder: Path) -> Path:
    """Return the folder, created with mode 0700 if missing; an existing one is not changed.

    Raises BackupFailed if it cannot be created, or is not a folder that this user can write to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackupFailed(f"No backup can be written to {folder}: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BackupFailed(
            f"No backup can be written to {folder}: this user may not write there. Correct the "
            "rights of the folder, or set another backup_dir."
        )
    return folder


def list_names(folder: Path) -> list[BackupName]:
    """Return the names of the backups in a folder, the newest first; [] without a folder."""
    if not folder.is_dir():
        return []
    found = (BackupName.find(entry.name) for entry in folder.iterdir() if entry.is_file())
    return sorted((name for name in found if name is not None), reverse=True)


def list_backups(folder: Path) -> list[StoredBackup]:
    """Return the backups in a folder, the newest first; a damaged file is left out."""
    stored = []
    for name in list_names(folder):
        with suppress(BadBackup, FileNotFoundError):
            file = folder / str(name)
            stored.append(StoredBackup(file, file.stat().st_size, read_manifest(file)))
    return stored


def find_newest(folder: Path, kinds: frozenset[BackupKind]) -> Manifest | None:
    """Return the manifest of the newest readable backup of these kinds, or None."""
    for name in list_names(folder):
        if name.kind in kinds:
            with suppress(BadBackup):
                return read_manifest(folder / str(name))
    return None


@contextmanager
def partial_file(folder: Path) -> Iterator[Path]:
    """Yield a path for an unfinished backup; a file there is deleted at the end of the block.

    Unfinished backups of killed processes are deleted first.
    """
    with partial_folder(folder) as inner:
        yield inner / "backup.zip"


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder for an unfinished backup, which is deleted at the end of the block.

    A lock on it tells other processes, also those of other libraries, that it is in use.
    """
    _delete_left(folder)
    inner = folder / f"{PARTIAL}{secrets.token_hex(4)}"
    inner.mkdir(mode=0o700)
    lock = _lock(inner)
    try:
        yield inner
    finally:
        shutil.rmtree(inner, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _delete_left(folder: Path) -> None:
    for left in folder.glob(f"{PARTIAL}*"):
        if left.is_symlink() or not left.is_dir():
            left.unlink(missing_ok=True)  # Earlier versions left files instead of folders.
        elif (lock := _lock(left)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return a descriptor that locks a folder; None if another process has locked it.

    Also None on a file system without locks, where leftovers stay until a user deletes them.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def finish(partial: Path, *, kind: BackupKind, reason: BackupReason, now: datetime) -> Path:
    """Give a proved backup in a `partial_file` its final name, and return its path."""
    number = 0
    while True:
        file = partial.parent.with_name(str(BackupName(now, number, kind, reason)))
        try:
            os.link(partial, file)  # Unlike a rename, a link never replaces another file.
            break
        except FileExistsError:
            number += 1
        except OSError:  # A file system without links, such as FAT.
            if not file.exists():
                partial.rename(file)
                break
            number += 1
    sync_folder(file.parent)
    return file


def delete_surplus(folder: Path, *, keep: int) -> list[Path]:
    """Delete all but the newest `keep` backups of each kind, and return the deleted files.

    The newest readable backup of each kind is always kept.
    """
    gone = [folder / str(name) for name in choose_surplus(list_names(folder), keep=keep)]
    for file in gone:
        file.unlink(missing_ok=True)
    return gone

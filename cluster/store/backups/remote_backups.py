"""Copies backups to and from URLs that fsspec opens; each sent copy is read back and compared."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec

from cluster.core.errors import BackupFailed, BadBackup
from cluster.store.backups.backup_archives import PIECE_BYTES, create_private


def send_backup(file: Path, url: str) -> str:
    """Copy a backup below a URL under its own name, and return the URL of the copy.

    The name of the copy begins with a dot until it was read back and compared. Raises BackupFailed.
    """
    try:
        storage, folder = _open(url)
        final = f"{folder.rstrip('/')}/{file.name}"
        partial = f"{folder.rstrip('/')}/.partial-{file.name}"
        storage.makedirs(folder, exist_ok=True)
        with file.open("rb") as source, storage.open(partial, "wb") as target:
            shutil.copyfileobj(source, target, PIECE_BYTES)
        _check_same(file, storage, partial, url)
        storage.mv(partial, final)
        _check_same(file, storage, final, url)
    except BackupFailed:
        raise
    except Exception as error:  # fsspec's drivers raise any error of their libraries.
        raise BackupFailed(f"No backup was copied to {url}: {_say(error)}.") from error
    return str(storage.unstrip_protocol(final))


def fetch_backup(url: str, file: Path) -> None:
    """Copy the backup at a URL into a new private file. Raises BadBackup."""
    try:
        storage, place = _open(url)
        with storage.open(place, "rb") as source, create_private(file) as target:
            shutil.copyfileobj(source, target, PIECE_BYTES)
    except Exception as error:  # As above.
        raise BadBackup(url, f"it cannot be read: {_say(error)}.") from error


def _open(url: str) -> tuple[Any, str]:
    storage, place = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return storage, str(place)


def _check_same(file: Path, storage: Any, place: str, url: str) -> None:
    with file.open("rb") as ours, storage.open(place, "rb") as theirs:
        if _digest(ours.read) != _digest(theirs.read):
            raise BackupFailed(f"The copy at {url} differs from the backup: do not rely on it.")


def _digest(read: Callable[[int], bytes]) -> bytes:
    digest = hashlib.sha256()
    while piece := read(PIECE_BYTES):
        digest.update(piece)
    return digest.digest()


def _say(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0].removesuffix(".")

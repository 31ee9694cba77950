"""Replaces a file atomically, for example a JPEG by one with other metadata."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cluster.core.errors import UnreadableXmp


@dataclass(frozen=True, slots=True)
class Written:
    """The size and the time of a file after it was written."""

    size: int
    modified_ns: int


def check_replaceable(path: str) -> os.stat_result:
    """Return the status of a file that may be replaced. Raises UnreadableXmp.

    Replacing it would turn a link into a file, and would separate a file from its hard links.
    """
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableXmp("the photo is a link, which is left as it is")
    if status.st_nlink > 1:
        raise UnreadableXmp("the photo has a second name (a hard link), and is left as it is")
    if not os.access(path, os.W_OK):
        raise UnreadableXmp("the photo may not be written")
    return status


def replace_file(
    path: str, data: bytes, *, like: os.stat_result | None = None, mode: int | None = None
) -> Written:
    """Write a file in one step: readers see the old content or the new one, also after a crash.

    Permissions and owner are those of `like`; without it, the read and write permissions of `mode`,
    or else of the user only. The modification time is the present one, because backup programs rely
    on it. Raises UnreadableXmp when the file has changed since `like`, and OSError.
    """
    folder = os.path.dirname(path)
    descriptor, name = tempfile.mkstemp(prefix=".headcount-", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if like is not None:
            _make_like(name, like)
            _check_unchanged(path, like)
        elif mode is not None:
            os.chmod(name, stat.S_IMODE(mode) & 0o666)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)  # The temporary file, if it was not renamed.
    _sync_folder(folder)
    status = os.stat(path)
    return Written(status.st_size, status.st_mtime_ns)


def _make_like(name: str, like: os.stat_result) -> None:
    now = os.stat(name)
    if (now.st_uid, now.st_gid) != (like.st_uid, like.st_gid):
        try:
            os.chown(name, like.st_uid, like.st_gid)
        except PermissionError:
            raise UnreadableXmp("the photo belongs to another user") from None
    os.chmod(name, stat.S_IMODE(like.st_mode))


def _check_unchanged(path: str, like: os.stat_result) -> None:
    now = os.lstat(path)
    before = (like.st_ino, like.st_size, like.st_mtime_ns)
    if (now.st_ino, now.st_size, now.st_mtime_ns) != before:
        raise UnreadableXmp("the photo changed while it was written")


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

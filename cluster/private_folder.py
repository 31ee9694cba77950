"""A folder for temporary files that no other user may enter.

The names of temporary folders can be guessed, so another user may have made the folder first, or a
link in its place. Therefore the folder is used only when it is a real folder that belongs to this
user and is closed to all others. Folders that other programs open to everybody (Ray sets its own
to 0777) lie below it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from cluster.core.errors import UnsafeFolder

LONGEST_PARENT = 14
"""The longest path of the parent, in bytes. A socket address has 107 on Linux, and Ray appends 68
(`/session_2026-11-25_22-24-44_622155_1234567/sockets/dash_MetricsHead`)."""

FALLBACK = Path("/tmp")


def open_private_folder(parent: Path | None = None) -> Path:
    """Return the folder `headcount-UID` of this user below `parent`, created with mode 0700.

    The default parent is the folder that TMPDIR names, or /tmp when that path is too long for the
    sockets below it. Raises UnsafeFolder when the folder cannot be created, is a link or a file, or
    is open to other users.
    """
    folder = (parent or _temporary_folder()) / f"headcount-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except FileExistsError:
        found = folder.lstat()
    except OSError as error:
        raise UnsafeFolder(folder, f"it cannot be created: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeFolder(folder, "it is a link or a file, not a folder")
    if found.st_uid != os.geteuid():
        raise UnsafeFolder(folder, f"it belongs to the user with the id {found.st_uid}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UnsafeFolder(folder, f"others may enter it (mode {stat.S_IMODE(found.st_mode):04o})")
    return folder


def _temporary_folder() -> Path:
    folder = Path(tempfile.gettempdir())
    return folder if len(os.fsencode(folder)) <= LONGEST_PARENT else FALLBACK

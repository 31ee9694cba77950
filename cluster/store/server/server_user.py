"""Who runs the embedded PostgreSQL: whoever runs Headcount, unless that is root.

PostgreSQL refuses to run as root. Root's server runs as the owner of its data directory, at first
as the system user `pgserver`. The folders above may be closed to that user, and stay so: the server
is started in its data directory and calls it `/proc/self/cwd`, a link of the kernel that leads
there whoever may pass the folders on the way.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cluster.core.errors import DatabaseUnavailable
from cluster.store.server.server_files import ServerFiles

SYSTEM_USER = "pgserver"

HERE = "/proc/self/cwd"
"""What PostgreSQL's programs, started by `process_options`, call their data directory."""

ENVIRONMENT = MappingProxyType({"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"})


def process_options(files: ServerFiles, *, data: Path | None = None) -> dict[str, Any]:
    """Return what subprocess needs to run PostgreSQL's programs: user, folder, environment.

    They run in `data`, which is the server's data directory unless another one is named.
    """
    options: dict[str, Any] = {
        "cwd": data or files.data,
        "env": dict(ENVIRONMENT),
        "stdin": subprocess.DEVNULL,
        "umask": 0o077,
    }
    if os.geteuid() == 0:
        owner = files.home.stat()
        options |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    return options


def prepare_folders(files: ServerFiles) -> None:
    """Leave the server's folder made, owned by its user and closed to everyone else.

    A folder above it that has to be made gets mode 0700; one that is there is left as it is. Raises
    DatabaseUnavailable when the server's folder holds something else and is not closed yet.
    """
    for folder in (*reversed(files.home.parents), files.home):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    _take(files)


def make_data_folder(files: ServerFiles, folder: Path) -> None:
    """Make an empty folder in the server's, owned by its user, mode 0700."""
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        owner = files.home.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)


def _take(files: ServerFiles) -> None:
    """Close the server's folder to others; root gives it to `pgserver` unless it has an owner."""
    found = files.home.lstat()
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise DatabaseUnavailable(f"{files.home} is somebody else's link; remove it and try again.")
    found = files.home.stat()
    is_roots = os.geteuid() == 0 and found.st_uid == 0
    is_closed = stat.S_IMODE(found.st_mode) == 0o700
    if is_closed and not is_roots:
        return
    if any(files.home.iterdir()) and not files.start_lock.exists():
        raise DatabaseUnavailable(
            f"{files.home} was not made by Headcount; name another data_dir, or move it away."
        )
    if is_roots:
        entry = _system_user()
        os.chown(files.home, entry.pw_uid, entry.pw_gid)
    files.home.chmod(0o700)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        # Another process may have made the user meanwhile: only whether it exists counts.
        subprocess.run(command, check=False, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, KeyError) as error:
        raise DatabaseUnavailable(
            f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be made; "
            f"run Headcount as an ordinary user, or name a database server."
        ) from error

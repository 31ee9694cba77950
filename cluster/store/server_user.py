"""Who runs the embedded PostgreSQL: whoever runs Headcount, unless that is root.

PostgreSQL refuses to run as root. Root's server runs as the owner of its data directory, at first
as the system user `pgserver`, which needs to get through the folders above its files.
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
from cluster.store.server_files import ServerFiles

SYSTEM_USER = "pgserver"

_ENVIRONMENT = MappingProxyType({"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"})


def process_options(files: ServerFiles) -> dict[str, Any]:
    """Return what subprocess needs to run PostgreSQL's programs: user, folder, environment."""
    options: dict[str, Any] = {"cwd": "/", "env": dict(_ENVIRONMENT), "stdin": subprocess.DEVNULL}
    if os.geteuid() == 0:
        owner = files.home.stat()
        options |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    return options


def prepare_folders(files: ServerFiles, *, programs: Path) -> None:
    """Leave the server's folders made, owned by its user and closed to everyone else.

    As root, the folders above them and above `programs` may afterwards be passed through by
    others, but not listed.
    """
    files.home.mkdir(parents=True, exist_ok=True)
    _take(files.home)
    if files.socket_dir != files.home:
        files.socket_dir.mkdir(exist_ok=True)
        _check_owner(files.socket_dir, expected=files.home.stat().st_uid)
        _take(files.socket_dir)
    if os.geteuid() == 0:
        for path in (files.home, programs):
            _let_pass(path)
        _let_read(programs)


def _take(folder: Path) -> None:
    """Close `folder` to others; as root, give it to the server's user unless it has an owner."""
    if os.geteuid() == 0 and folder.stat().st_uid == 0:
        entry = _system_user()
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:
        folder.chmod(0o700)


def _check_owner(folder: Path, *, expected: int) -> None:
    """Raise unless `folder`, in /tmp where anyone may have made it, is ours and no link."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (expected, os.geteuid()):
        raise DatabaseUnavailable(f"{folder} belongs to someone else; remove it and try again.")


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


def _let_pass(path: Path) -> None:
    for folder in path.parents:
        _add_mode(folder, stat.S_IXOTH)


def _let_read(programs: Path) -> None:
    """Make PostgreSQL's own files readable, as they are unless root's umask hid them."""
    if programs.stat().st_mode & stat.S_IROTH:
        return
    for path in (programs, *programs.rglob("*")):
        is_program = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        _add_mode(path, stat.S_IROTH | (stat.S_IXOTH if is_program else 0))


def _add_mode(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(stat.S_IMODE(mode) | bits)

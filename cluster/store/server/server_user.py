"""Chooses the user of the embedded PostgreSQL: the user of Headcount, unless that is root.

PostgreSQL refuses to run as root. If root runs Headcount, the server runs as the owner of its
folder, which at first is the system user `pgserver`. A folder from another machine or container
whose owner is unknown here is given to the local `pgserver`. The folders above may be closed to
that user, and are not changed. The server is started in its data directory and uses the path
`/proc/self/cwd`, a link of the kernel that needs no access to the folders above.
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
from cluster.store.server.server_files import ServerFiles, hold_lock, is_lock_held

SYSTEM_USER = "pgserver"

USERS_LOCK = Path("/etc/.pwd.lock")
"""The lock file of the programs that change users. Only root can open it, so no other user can make
root wait for it. These programs lock it with another call (lockf), so `useradd` does not wait for
its parent process.
"""

HERE = "/proc/self/cwd"
"""The data directory, as PostgreSQL's programs name it when `process_options` starts them."""

ENVIRONMENT = MappingProxyType({"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"})


def process_options(files: ServerFiles, *, data: Path | None = None) -> dict[str, Any]:
    """Return the arguments of subprocess for PostgreSQL's programs: user, folder, environment.

    The programs run in `data`, by default the server's data directory.
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
    """Create the server's folder, owned by the server's user and closed to all others.

    Missing folders above are created with mode 0700; existing ones are not changed. Raises
    DatabaseUnavailable if the server's folder has other content and is not closed yet, or if the
    server's user would have no name.
    """
    for folder in (*reversed(files.home.parents), files.home):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    _take(files)


def make_data_folder(files: ServerFiles, folder: Path) -> None:
    """Create an empty folder in the server's folder, owned by the server's user, mode 0700."""
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        owner = files.home.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)


def _take(files: ServerFiles) -> None:
    """Close the server's folder to others; give a folder of root to `pgserver`."""
    found = files.home.lstat()
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise DatabaseUnavailable(f"{files.home} is another user's link; remove it and try again.")
    found = files.home.stat()
    is_roots = os.geteuid() == 0 and found.st_uid == 0
    is_closed = stat.S_IMODE(found.st_mode) == 0o700
    if is_closed and not is_roots:
        return _name_owner(files, found.st_uid)
    if any(files.home.iterdir()) and not files.start_lock.exists():
        raise DatabaseUnavailable(
            f"{files.home} was not made by Headcount; set another data_dir, or move it away."
        )
    if is_roots:
        entry = _system_user()
        os.chown(files.home, entry.pw_uid, entry.pw_gid)
    files.home.chmod(0o700)


def _name_owner(files: ServerFiles, uid: int) -> None:
    """Give a folder whose owner has no name here to `pgserver`, as initdb needs a user name."""
    if _has_name(uid):
        return
    if os.geteuid() != 0:
        if (files.data / "PG_VERSION").exists():
            return  # The name is needed only to make a data directory.
        raise DatabaseUnavailable(
            f"PostgreSQL cannot make its data directory for user {uid}, who has no name on this "
            f"machine; add one to /etc/passwd, or set database_url."
        )
    if is_lock_held(files.server_lock):
        return  # A server of another container uses the folder.
    entry = _system_user()
    for _, folders, names, at in os.fwalk(files.home, follow_symlinks=False):
        for name in (*folders, *names):
            _pass_on(name, at=at, owner=uid, to=entry)
    # The folder comes last, so that the next start completes an interrupted run.
    os.chown(files.home, entry.pw_uid, entry.pw_gid)


def _pass_on(name: str, *, at: int, owner: int, to: pwd.struct_passwd) -> None:
    """Give a file or folder of `owner` to a user; files of other owners are not changed.

    The old owner may have linked another user's file here, and may replace a file at any moment, so
    the same opened inode is checked and given to the user.
    """
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=at)
    try:
        found = os.fstat(descriptor)
        if found.st_uid == owner and not stat.S_ISLNK(found.st_mode):
            os.chown(f"/proc/self/fd/{descriptor}", to.pw_uid, to.pw_gid)
    finally:
        os.close(descriptor)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        # Two processes at the same time could create the user with two ids.
        with hold_lock(USERS_LOCK):
            # Another process may have created the user meanwhile; then useradd fails.
            subprocess.run(command, check=False, capture_output=True)
            return pwd.getpwnam(SYSTEM_USER)
    except (OSError, KeyError) as error:
        raise DatabaseUnavailable(
            f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be created; "
            f"run Headcount as an ordinary user, or set database_url."
        ) from error

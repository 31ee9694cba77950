"""The files of the embedded PostgreSQL: its folders, locks and address.

All files are in one folder that only the server's user can enter. Locks are taken with flock, so
the kernel releases them when their holder dies. Links are not followed, because the files may
belong to another user than the opening process.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cluster.private_folder import open_private_folder

APPLICATION_NAME = "headcount"
"""The application name of Headcount's connections."""

DATABASE = "headcount"
PORT = 5432
MAX_SOCKET_PATH_BYTES = 103
"""sockaddr_un holds 107 bytes on Linux and 103 on macOS."""

LOG_PIECE_BYTES = 16 << 20
"""PostgreSQL's wal_segment_size. A server that cannot create the next segment stops."""


@dataclass(frozen=True, slots=True)
class Release:
    """A major version of PostgreSQL, and the folder of its programs."""

    major: int
    programs: Path


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The files of one embedded server; `home` is absolute.

    `release` is set for a server of another major version, which is started only to carry its data
    over (carrying_over.py).
    """

    home: Path
    release: Release | None = None

    @classmethod
    def under(cls, data_dir: Path) -> ServerFiles:
        """Return the files of the server of `data_dir`; nothing is created."""
        return cls(data_dir.expanduser().resolve() / "postgres")

    @property
    def data(self) -> Path:
        """The data directory of PostgreSQL."""
        return self.home / "data"

    @property
    def socket_folder(self) -> str:
        """The folder of the socket, relative to the data directory; `data` may be a link."""
        return os.path.relpath(self.home, self.data.resolve())

    @property
    def log(self) -> Path:
        """The file that holds the server's standard error."""
        return self.home / "log"

    @property
    def start_lock(self) -> Path:
        """The lock of the process that is starting or stopping the server."""
        return self.home / "start.lock"

    @property
    def server_lock(self) -> Path:
        """The lock that all processes of the server hold until they end."""
        return self.home / "server.lock"

    @property
    def use_lock(self) -> Path:
        """The lock that all living users of the server share."""
        return self.home / "use.lock"

    @property
    def watch_lock(self) -> Path:
        """The lock of the process that stops the server when it has no users."""
        return self.home / "watch.lock"

    @property
    def name(self) -> str:
        """PostgreSQL's cluster_name, which its processes show in their titles."""
        return "headcount-" + hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]

    @property
    def address(self) -> Path:
        """The folder where clients find the socket: `home`, or a link to it.

        A link is needed if the path of `home` is too long for a socket address. The server itself
        is not affected, because it binds its socket by a relative path.
        """
        path = os.fsencode(self.home / f".s.PGSQL.{PORT}")
        # libpq reads a comma as the start of the next host.
        if len(path) > MAX_SOCKET_PATH_BYTES or b"," in path:
            return open_private_folder() / self.name
        return self.home

    def link_address(self) -> None:
        """Create the link to `home` if clients need one. Raises UnsafeFolder."""
        address = self.address
        if address == self.home or _points_to(address, self.home):
            return
        fresh = address.with_name(f"{self.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.home)
        fresh.replace(address)

    def unlink_address(self) -> None:
        """Remove the link to `home`; a link to another folder stays."""
        address = self.address
        if address != self.home and _points_to(address, self.home):
            address.unlink(missing_ok=True)

    def url(self, database: str = DATABASE) -> str:
        """Return the URL of one database; it does not change when the server restarts."""
        host = quote(os.fsencode(self.address), safe="/")
        return f"postgresql://postgres@/{database}?host={host}&port={PORT}"


def find_home(host: object) -> Path | None:
    """Return the folder of the embedded server at `host`; None for any other server."""
    is_folder = isinstance(host, str) and host.startswith("/")
    if is_folder and os.path.exists(os.path.join(str(host), "server.lock")):
        return Path(str(host)).resolve()
    return None


def is_disk_full(folder: Path) -> bool:
    """Tell whether the disk of `folder` lacks room for the next segment of the write-ahead log."""
    return shutil.disk_usage(folder).free < LOG_PIECE_BYTES


def _points_to(link: Path, place: Path) -> bool:
    return link.is_symlink() and link.readlink() == place


@contextmanager
def hold_lock(path: Path) -> Iterator[int]:
    """Wait for the lock file `path` and hold it within the block; yields its descriptor."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """Return a descriptor of the lock file `path`, which is created if needed, without locking."""
    return open_own(path, os.O_RDWR)


def open_own(path: Path, flags: int) -> int:
    """Return a descriptor of a file in the server's folder, created with mode 0600 if needed.

    A file that root creates gets the owner of the folder, who may use the server too. Raises
    OSError if `path` is a link, because the owner could use it to make root write to any file.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _open_existing(path, flags)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _open_existing(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ELOOP, "it has a second link, or is not a file; remove it", str(path))


def is_lock_held(path: Path) -> bool:
    """Tell whether another descriptor holds the lock file `path`."""
    if not path.exists():
        return False
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

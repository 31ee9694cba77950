"""Where the embedded PostgreSQL lives: its folders, its locks, its address.

Everything lies in one folder that only the server's user may enter. Locks are taken with flock,
so the kernel gives them back whatever way their holder dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

DATABASE = "headcount"
PORT = 5432
MAX_SOCKET_PATH_BYTES = 103
"""sockaddr_un holds 107 bytes on Linux and 103 on macOS."""


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The files of one embedded server; `home` is absolute."""

    home: Path

    @classmethod
    def under(cls, data_dir: Path) -> ServerFiles:
        """Return the files of the server that belongs to `data_dir`; nothing is created."""
        return cls(data_dir.expanduser().resolve() / "postgres")

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server writes to its standard error."""
        return self.home / "log"

    @property
    def start_lock(self) -> Path:
        """Held by the one process that is starting or stopping the server."""
        return self.home / "start.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server's own processes, every one of them, for as long as they live."""
        return self.home / "server.lock"

    @property
    def use_lock(self) -> Path:
        """Shared by the processes that asked for the server and still live."""
        return self.home / "use.lock"

    @property
    def name(self) -> str:
        """PostgreSQL's cluster_name, which its processes show in their titles."""
        return "headcount-" + hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket: home, or one in /tmp when home's path cannot be an address."""
        path = os.fsencode(self.home / f".s.PGSQL.{PORT}")
        # libpq reads a comma as the start of the next host.
        if len(path) > MAX_SOCKET_PATH_BYTES or b"," in path:
            return Path("/tmp") / self.name
        return self.home

    def url(self, database: str = DATABASE) -> str:
        """Return the URL of one database; it stays the same when the server is started again."""
        host = quote(os.fsencode(self.socket_dir), safe="/")
        return f"postgresql://postgres@/{database}?host={host}&port={PORT}"


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
    """Return a descriptor of the lock file `path`, made if need be; nothing is locked yet."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


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

"""Carries the embedded database over to this version of PostgreSQL.

The programs of the old version start on the old directory, all data is dumped and restored into a
new directory, and the two are compared. Only then does the new directory replace the old one, which
is kept (server_switch.py). If the run is interrupted, the next run begins again with the old
directory, or finds the new one in its place.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.core.errors import DatabaseDiskFull, DatabaseUnavailable, DatabaseUnusable
from cluster.store.server.embedded import start_server, stop_server
from cluster.store.server.server_files import Release, ServerFiles, hold_lock, is_lock_held
from cluster.store.server.server_process import shut_down
from cluster.store.server.server_programs import VERSION, find_programs
from cluster.store.server.server_switch import (
    clear,
    complete_switch,
    next_home,
    previous_home,
    switch,
)
from cluster.store.server.server_user import ENVIRONMENT, make_data_folder
from cluster.store.server.table_digests import DatabaseDigest, digest_database

Say = Callable[[str], None]

LEAST_BYTES_A_SECOND = 500_000
"""A slower disk is assumed to hang."""

LEAST_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """The result: the number of rows in all tables, and the place of the kept old directory."""

    tables: int
    rows: int
    kept: Path


def find_major(files: ServerFiles) -> int | None:
    """Return the major version that made the data directory; None without one.

    A switch that was killed is completed first. Raises DatabaseUnusable for a damaged directory.
    """
    if not files.home.is_dir():
        return None
    with hold_lock(files.start_lock):
        complete_switch(files)
    named = files.data / "PG_VERSION"
    if not named.exists():
        return None
    found = named.read_text().strip()
    if not found.isdigit():
        raise DatabaseUnusable(f"{named} names no version: it is damaged. Restore a backup.")
    return int(found)


def carry_over(files: ServerFiles, release: Release, *, say: Say) -> CarriedOver:
    """Carry the database over from `release`, the version that made its directory.

    `say` is called with each step. Raises DatabaseUnavailable if the database is in use or a
    program fails, DatabaseDiskFull, or DatabaseUnusable if the two databases differ. The old
    directory then stays in its place.
    """
    with hold_lock(files.start_lock):
        for home in (previous_home(files), next_home(files)):
            shut_down(ServerFiles(home))  # A killed run may have left it running.
        clear(files)
        _refuse_users(files)
        limit_s = _check_room(files)
        with ExitStack() as undoing:
            undoing.callback(clear, files)
            digest = _copy(files, release, say=say, limit_s=limit_s)
            undoing.pop_all()
        kept = switch(files, major=release.major)
    return CarriedOver(len(digest.tables), digest.rows, kept)


def _refuse_users(files: ServerFiles) -> None:
    if is_lock_held(files.use_lock) or is_lock_held(files.server_lock):
        raise DatabaseUnavailable(
            f"The database in {files.home} is in use. End the Headcount that uses it first."
        )


def _check_room(files: ServerFiles) -> float:
    """Return the seconds for a step; raise DatabaseDiskFull without room for a copy."""
    used = sum(path.lstat().st_size for path in files.data.rglob("*") if path.is_file())
    room = os.statvfs(files.home)
    free = room.f_bavail * room.f_frsize
    if free < used:
        raise DatabaseDiskFull(
            f"The disk of {files.home} has {free / 1e9:.1f} GB free; the copy needs about "
            f"{used / 1e9:.1f} GB. Make room, and try again."
        )
    return LEAST_LIMIT_S + used / LEAST_BYTES_A_SECOND


def _copy(files: ServerFiles, release: Release, *, say: Say, limit_s: float) -> DatabaseDigest:
    """Fill the directory below `next` from the old one, and return the digest of both."""
    old, new = _make_homes(files, release)
    with _running(old) as source, _running(new) as target:
        say(f"PostgreSQL {release.major} is read, and PostgreSQL {VERSION} is filled.")
        _dump_into(source, target, limit_s=limit_s)
        say("Everything is there; the two databases are compared.")
        digest = digest_database(source)
        differences = digest.differences(digest_database(target))
    if differences:
        raise DatabaseUnusable(
            f"The copy differs from the old database in {', '.join(differences[:5])}. Nothing was "
            "changed. This is a defect of Headcount: please report it."
        )
    return digest


def _make_homes(files: ServerFiles, release: Release) -> tuple[ServerFiles, ServerFiles]:
    """Return the files of both servers; the old one finds its data directory through a link."""
    for home in (previous_home(files), next_home(files)):
        make_data_folder(files, home.parent)
        make_data_folder(files, home)
    old = ServerFiles(previous_home(files), release)
    old.data.symlink_to(os.path.relpath(files.data, old.home))
    return old, ServerFiles(next_home(files))


@contextmanager
def _running(files: ServerFiles) -> Iterator[str]:
    """Start a server for the block, and yield the URL of its database."""
    try:
        yield start_server(files)
    finally:
        if not stop_server(files):
            shut_down(files)


def _dump_into(source: str, target: str, *, limit_s: float) -> None:
    """Pipe a dump of one database into another; both by the programs of this version."""
    programs = find_programs()
    dump = [str(programs / "pg_dump"), "--format=custom", "--compress=0", f"--dbname={source}"]
    restore = [
        str(programs / "pg_restore"),
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
    ]
    with subprocess.Popen(
        dump, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(ENVIRONMENT)
    ) as dumping:
        try:
            done = subprocess.run(
                [*restore, f"--dbname={target}"],
                stdin=dumping.stdout,
                capture_output=True,
                env=dict(ENVIRONMENT),
                timeout=limit_s,
                check=False,
            )
            words = dumping.communicate(timeout=LEAST_LIMIT_S)[1]
        except subprocess.TimeoutExpired as error:
            raise DatabaseUnavailable(f"The copy took longer than {limit_s:.0f} s.") from error
        finally:
            dumping.kill()
    if dumping.returncode != 0 or done.returncode != 0:
        raise DatabaseUnavailable(f"The copy failed: {_last_line(words + done.stderr)}")


def _last_line(words: bytes) -> str:
    lines = words.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "the programs said nothing."

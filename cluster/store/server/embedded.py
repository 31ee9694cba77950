"""Starts and stops the embedded PostgreSQL, which needs no installation.

The server outlives the process that started it. If several processes start it at the same time, the
first one starts it and the others use it. Its last user stops it. If the last user is killed, a
process beside the server stops it (server_watch.py).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import psycopg

from cluster.core.errors import DatabaseUnavailable
from cluster.store.server.server_files import (
    APPLICATION_NAME,
    DATABASE,
    ServerFiles,
    hold_lock,
    is_lock_held,
    open_lock,
)
from cluster.store.server.server_process import (
    POLL_S,
    connect,
    does_answer,
    ensure_data_directory,
    ensure_watch,
    find_server_process,
    kill_processes,
    last_words,
    launch,
    shut_down,
    wait_until_down,
)
from cluster.store.server.server_user import prepare_folders

START_LIMIT_S = 600.0
"""Recovery after a crash may take long, because it replays everything since the last checkpoint."""

ORPHAN_LIMIT_S = 10.0
"""After the server process was killed, its child processes end by themselves, unless busy."""

CLIENTS_LIMIT_S = 5.0

MAX_STARTS = 3

_uses: dict[Path, int] = {}


def start_embedded(data_dir: Path, *, options: Mapping[str, str] = MappingProxyType({})) -> str:
    """Start the server of `data_dir` if it is down, and return the URL of its database.

    `options` are PostgreSQL settings; they apply only when this call starts the server. Raises
    DatabaseUnavailable, naming the log file, when the server does not start.
    """
    return start_server(ServerFiles.under(data_dir), options=options)


def start_server(files: ServerFiles, *, options: Mapping[str, str] = MappingProxyType({})) -> str:
    """Start the server of `files` as `start_embedded` does, and return the URL."""
    try:
        prepare_folders(files)
        with hold_lock(files.start_lock):
            files.link_address()
            ensure_watch(files)
            _start(files, options=options)
            _note_use(files)
    except OSError as error:
        raise DatabaseUnavailable(f"PostgreSQL cannot use {files.home}: {error}") from error
    return files.url()


def is_embedded_running(data_dir: Path) -> bool:
    """Tell whether the server of `data_dir` accepts connections."""
    return does_answer(ServerFiles.under(data_dir))


def stop_embedded(data_dir: Path) -> bool:
    """Stop the server of `data_dir` unless others use it; return whether it is down.

    Other users are living processes that called start_embedded. Connections named headcount, such
    as those of workers in their last commit, get CLIENTS_LIMIT_S seconds to end.
    """
    return stop_server(ServerFiles.under(data_dir))


def stop_server(files: ServerFiles) -> bool:
    """Stop the server of `files` as `stop_embedded` does; return whether it is down."""
    if not files.home.exists():
        return True
    with hold_lock(files.start_lock):
        _forget_use(files)
        if is_lock_held(files.use_lock):
            return False
    _wait_for_clients(files)
    with hold_lock(files.start_lock):
        if is_lock_held(files.use_lock) or not shut_down(files):
            return False
        files.unlink_address()
    return True


class _ServerDied(DatabaseUnavailable):
    """The server ended before it could be used."""


def _start(files: ServerFiles, *, options: Mapping[str, str]) -> None:
    """Start the server and create the database; try again if the server is killed meanwhile."""
    for left in reversed(range(MAX_STARTS)):
        try:
            _bring_up(files, options=options)
            return _ensure_database(files)
        except _ServerDied:
            if not left:
                raise


def _bring_up(files: ServerFiles, *, options: Mapping[str, str]) -> None:
    """Start the server if it is down, and wait until it answers.

    Also waits for a server that is starting or ending.
    """
    deadline = time.monotonic() + START_LIMIT_S
    is_launched = False
    while not does_answer(files):
        if is_lock_held(files.server_lock):
            _end_orphans(files)
        elif is_launched:
            raise _ServerDied(f"PostgreSQL did not start: {last_words(files)}")
        else:
            ensure_data_directory(files)
            launch(files, options=options)
            is_launched = True
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(f"PostgreSQL does not answer: {last_words(files)}")
        time.sleep(POLL_S)


def _end_orphans(files: ServerFiles) -> None:
    """End the child processes of a killed server process; do nothing if it is alive."""
    deadline = time.monotonic() + ORPHAN_LIMIT_S
    while find_server_process(files) is None and is_lock_held(files.server_lock):
        if time.monotonic() > deadline:
            kill_processes(files)
            if not wait_until_down(files, limit_s=ORPHAN_LIMIT_S):
                raise DatabaseUnavailable(f"Another machine or container uses {files.home}.")
        time.sleep(POLL_S)


def _ensure_database(files: ServerFiles) -> None:
    try:
        with connect(files, database="postgres") as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                connection.execute(f'CREATE DATABASE "{DATABASE}"'.encode())
    except psycopg.OperationalError as error:
        raise _ServerDied(f"PostgreSQL went away: {error}") from error


def _wait_for_clients(files: ServerFiles) -> None:
    deadline = time.monotonic() + CLIENTS_LIMIT_S
    while does_answer(files) and _has_clients(files) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _has_clients(files: ServerFiles) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s LIMIT 1"
    try:
        with connect(files, database="postgres") as connection:
            return connection.execute(query, [APPLICATION_NAME]).fetchone() is not None
    except psycopg.OperationalError:
        return False  # The server has just ended, or has no free connection.


def _note_use(files: ServerFiles) -> None:
    """Hold the use lock, shared, until this process ends, even if it is killed."""
    if files.home not in _uses:
        _leave_uses_to_parents()
        descriptor = open_lock(files.use_lock)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _uses[files.home] = descriptor


def _forget_use(files: ServerFiles) -> None:
    descriptor = _uses.pop(files.home, None)
    if descriptor is not None:
        os.close(descriptor)


@cache
def _leave_uses_to_parents() -> None:
    """Make forked processes close inherited use locks, because they may outlive this process."""

    def release_uses() -> None:
        while _uses:
            os.close(_uses.popitem()[1])

    os.register_at_fork(after_in_child=release_uses)

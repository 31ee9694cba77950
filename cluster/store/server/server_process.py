"""Starts, finds and stops the processes of the embedded PostgreSQL.

Each process of the server inherits a lock, which shows whether the server is alive; unlike a pid
file, it is reliable with zombies and reused process ids. A connection shows whether the server
works.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psutil
import psycopg

from cluster.core.errors import DatabaseUnavailable, DatabaseUnusable
from cluster.store.server.libpq import forget_libpq_environment
from cluster.store.server.server_files import (
    PORT,
    ServerFiles,
    is_disk_full,
    is_lock_held,
    open_lock,
    open_own,
)
from cluster.store.server.server_programs import VERSION, reach_programs
from cluster.store.server.server_switch import complete_switch, refuse_to_start_anew
from cluster.store.server.server_user import ENVIRONMENT, HERE, make_data_folder, process_options

STOP_LIMIT_S = 60.0
ASKING_LIMIT_S = 5.0
MAX_LOG_BYTES = 10_000_000
POLL_S = 0.02

TUNING: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "200",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "random_page_cost": "1.1",
        "jit": "off",
        # Face detection needs the cores, and /dev/shm is often small in containers.
        "max_parallel_workers_per_gather": "0",
        "max_parallel_maintenance_workers": "0",
        # Rows hold personal data, so the log must not show values.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
    }
)


def connect(files: ServerFiles, *, database: str) -> psycopg.Connection:
    """Return a connection to one database of the server, in autocommit."""
    forget_libpq_environment()
    return psycopg.connect(files.url(database), autocommit=True, connect_timeout=10)


def does_answer(files: ServerFiles) -> bool:
    """Tell whether the server accepts connections, or refuses only because it has none free."""
    if not is_lock_held(files.server_lock):
        return False
    try:
        connect(files, database="postgres").close()
    except psycopg.OperationalError as error:
        return "too many clients" in str(error)
    return True


def ensure_data_directory(files: ServerFiles) -> None:
    """Create the data directory unless it exists; remove unfinished ones.

    Each attempt has its own folder, because the initdb of a killed starter may still write. An
    interrupted switch to a carried-over directory is completed. Raises DatabaseUnusable for the
    directory of another PostgreSQL version, or if only that of an earlier version is left;
    DatabaseUnavailable if initdb fails.
    """
    wanted = VERSION if files.release is None else files.release.major
    complete_switch(files)
    for unfinished in files.home.glob("data.new*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    if (files.data / "PG_VERSION").exists():
        found = (files.data / "PG_VERSION").read_text().strip()
        if found != str(wanted):
            raise DatabaseUnusable(_describe_other_version(files, found))
        return
    refuse_to_start_anew(files)
    fresh = files.home / f"data.new-{secrets.token_hex(4)}"
    make_data_folder(files, fresh)
    command = [str(reach_programs(files) / "initdb"), "-D", HERE, "-U", "postgres", "--auth=trust"]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    command += ["--builtin-locale=C.UTF-8", "--no-instructions"]
    with _open_log(files) as log:
        options = process_options(files, data=fresh)
        done = subprocess.run(command, stdout=log, stderr=log, **options)
    if done.returncode != 0:
        raise DatabaseUnavailable(f"initdb failed: {last_words(files)}")
    fresh.rename(files.data)


def _describe_other_version(files: ServerFiles, found: str) -> str:
    says = f"{files.data} was made by PostgreSQL {found}; this Headcount has {VERSION}."
    if found.isdigit() and int(found) < VERSION:
        return f"{says} Run `python -m jobs.upgrade_database`, which carries everything over."
    return f"{says} Use the Headcount that made it, or set another data_dir."


def launch(files: ServerFiles, *, options: Mapping[str, str]) -> None:
    """Start the server as a child of init; its processes hold the server lock.

    The caller holds the start lock, and no process of the server is alive. Therefore lock files of
    an earlier server are removed.
    """
    for stale in (files.data / "postmaster.pid", files.home / f".s.PGSQL.{PORT}.lock"):
        stale.unlink(missing_ok=True)
    if files.log.exists() and files.log.stat().st_size > MAX_LOG_BYTES:
        files.log.replace(files.log.with_suffix(".old"))
    lock = open_lock(files.server_lock)
    try:
        _take_server_lock(lock)
        with _open_log(files) as log:
            # The shell ends at once, so the server's parent is init, not this process.
            subprocess.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *_server_command(files, options=options)],
                check=True,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
                **process_options(files),
            )
    finally:
        os.close(lock)


def ensure_watch(files: ServerFiles) -> None:
    """Start the process that stops the server when it has no users, unless it runs already.

    The caller holds the start lock. The process begins when that lock is free, so it may be started
    before the server.
    """
    if is_lock_held(files.watch_lock):
        return
    link = "" if files.address == files.home else str(files.address)
    pid_file = files.data / "postmaster.pid"
    parts = (files.start_lock, files.use_lock, files.server_lock, files.watch_lock, pid_file)
    for lock in parts[:4]:
        os.close(open_lock(lock))
    script = Path(__file__).with_name("server_watch.py")
    python = [sys.executable, "-I", "-S", str(script)]
    with _open_log(files) as log:
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *python, *map(str, parts), files.name, link],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=dict(ENVIRONMENT),
            start_new_session=True,
        )


def _take_server_lock(lock: int) -> None:
    """Take the server lock, waiting for a process that holds it for a moment to test it."""
    deadline = time.monotonic() + ASKING_LIMIT_S
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)


@contextmanager
def _open_log(files: ServerFiles) -> Iterator[int]:
    descriptor = open_own(files.log, os.O_WRONLY | os.O_APPEND)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _server_command(files: ServerFiles, *, options: Mapping[str, str]) -> list[str]:
    settings = {
        **TUNING,
        **options,
        "cluster_name": files.name,
        "listen_addresses": "",
        # Relative to the data directory, in which the server runs, so the length does not matter.
        "unix_socket_directories": files.socket_folder,
        "port": str(PORT),
    }
    command = [str(reach_programs(files) / "postgres"), "-D", HERE]
    return command + [part for name in settings for part in ("-c", f"{name}={settings[name]}")]


def find_server_process(files: ServerFiles) -> psutil.Process | None:
    """Return the server process, PostgreSQL's first process, or None if it is dead."""
    pid_file = files.data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(errors="replace").partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None
    return next((process for process in find_processes(files) if process.pid == pid), None)


def find_processes(files: ServerFiles) -> list[psutil.Process]:
    """Return all processes of this server, found by the name in their titles."""
    marks = (f"cluster_name={files.name}", f"postgres: {files.name}: ")
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(part.startswith(marks) for part in process.info["cmdline"] or ())
    ]


def kill_processes(files: ServerFiles) -> None:
    """Kill all processes of this server; the next start recovers from the write-ahead log."""
    for process in find_processes(files):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def shut_down(files: ServerFiles) -> bool:
    """Stop the server and its clients, killing it after STOP_LIMIT_S; return whether it is down."""
    server = find_server_process(files)
    if server is not None:
        server.send_signal(signal.SIGINT)
    if not wait_until_down(files, limit_s=STOP_LIMIT_S):
        kill_processes(files)
    return wait_until_down(files, limit_s=5.0)


def wait_until_down(files: ServerFiles, *, limit_s: float) -> bool:
    """Wait until no process of the server is left; return False after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while is_lock_held(files.server_lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def last_words(files: ServerFiles) -> str:
    """Return the last line of the log that reports a problem, with the path of the log."""
    if is_disk_full(files.home):
        return f"the disk is full; make room for {files.home}."  # The log may be cut off.
    lines = files.log.read_text(errors="replace").splitlines() if files.log.exists() else []
    troubles = [line for line in lines if any(word in line for word in _TROUBLES)]
    said = (troubles or lines or ["the log is empty"])[-1]
    return f"{said.strip()} (log: {files.log})"


_TROUBLES = ("FATAL", "PANIC", "error:", "denied", "could not", "cannot")

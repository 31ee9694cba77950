"""The processes of the embedded PostgreSQL: made, asked, stopped.

Whether the server lives is asked of a lock that each of its processes inherits: a zombie, a reused
process id or a stale pid file mislead nobody. Whether it works is asked by connecting to it.
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
        # The cores are for faces; and /dev/shm is often small in containers.
        "max_parallel_workers_per_gather": "0",
        "max_parallel_maintenance_workers": "0",
        # Rows hold personal data: the log shows no values.
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
    """Tell whether the server accepts connections, or would if it had one to spare."""
    if not is_lock_held(files.server_lock):
        return False
    try:
        connect(files, database="postgres").close()
    except psycopg.OperationalError as error:
        return "too many clients" in str(error)
    return True


def ensure_data_directory(files: ServerFiles) -> None:
    """Leave a data directory of our version behind; an unfinished one is made anew.

    Each attempt has a folder of its own: the initdb of a starter that was killed may still write.
    """
    for unfinished in files.home.glob("data.new*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    if (files.data / "PG_VERSION").exists():
        found = (files.data / "PG_VERSION").read_text().strip()
        if found != str(VERSION):
            raise DatabaseUnusable(
                f"{files.data} was made by PostgreSQL {found}; this Headcount brings {VERSION}. "
                "Use the Headcount that made it, or name another data_dir."
            )
        return
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


def launch(files: ServerFiles, *, options: Mapping[str, str]) -> None:
    """Start the server and leave it alone: it is nobody's child and holds the server lock.

    Only for the holder of the start lock, when no process of the server lives: what an earlier one
    left in its lock files is therefore void.
    """
    for stale in (files.data / "postmaster.pid", files.home / f".s.PGSQL.{PORT}.lock"):
        stale.unlink(missing_ok=True)
    if files.log.exists() and files.log.stat().st_size > MAX_LOG_BYTES:
        files.log.replace(files.log.with_suffix(".old"))
    lock = open_lock(files.server_lock)
    try:
        _take_server_lock(lock)
        with _open_log(files) as log:
            # The shell ends at once, so that init, not this process, is the server's parent.
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
    """See that a process stops the server when nobody uses it; only for the start lock's holder.

    It begins when the start lock is free, so it may be started before the server is.
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
    """Take the server lock, which those who ask whether it is held may have for a moment."""
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
        # Seen from the data directory, where the server stays: home, whatever its path.
        "unix_socket_directories": "..",
        "port": str(PORT),
    }
    command = [str(reach_programs(files) / "postgres"), "-D", HERE]
    return command + [part for name in settings for part in ("-c", f"{name}={settings[name]}")]


def find_server_process(files: ServerFiles) -> psutil.Process | None:
    """Return the server's first process, or None when it is dead."""
    pid_file = files.data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(errors="replace").partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None
    return next((process for process in find_processes(files) if process.pid == pid), None)


def find_processes(files: ServerFiles) -> list[psutil.Process]:
    """Return every process of this server, known by the name in its title."""
    marks = (f"cluster_name={files.name}", f"postgres: {files.name}: ")
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(part.startswith(marks) for part in process.info["cmdline"] or ())
    ]


def kill_processes(files: ServerFiles) -> None:
    """End every process of this server at once; the next start recovers from its log."""
    for process in find_processes(files):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def shut_down(files: ServerFiles) -> bool:
    """Ask the server to end its clients and stop; tell whether no process of it is left."""
    server = find_server_process(files)
    if server is not None:
        server.send_signal(signal.SIGINT)
    if not wait_until_down(files, limit_s=STOP_LIMIT_S):
        kill_processes(files)
    return wait_until_down(files, limit_s=5.0)


def wait_until_down(files: ServerFiles, *, limit_s: float) -> bool:
    """Wait until no process of the server is left, or the limit is reached; tell which."""
    deadline = time.monotonic() + limit_s
    while is_lock_held(files.server_lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def last_words(files: ServerFiles) -> str:
    """Return the last line of the log that tells of a trouble, and where the log is."""
    if is_disk_full(files.home):
        return f"the disk is full; make room for {files.home}."  # The log could not say it.
    lines = files.log.read_text(errors="replace").splitlines() if files.log.exists() else []
    troubles = [line for line in lines if any(word in line for word in _TROUBLES)]
    said = (troubles or lines or ["nothing was said"])[-1]
    return f"{said.strip()} (log: {files.log})"


_TROUBLES = ("FATAL", "PANIC", "error:", "denied", "could not", "cannot")

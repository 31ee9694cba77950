"""Stops the embedded PostgreSQL when it has no more users, even if the last one was killed.

    python -I -S server_watch.py START_LOCK USE_LOCK SERVER_LOCK WATCH_LOCK PID_FILE NAME LINK

One such process runs beside each server, from its start to its end. It imports few modules, to save
memory. If it is killed, the next user of the server starts another.

The process tests locks only while it holds the start lock. So no other process mistakes a test for
a use, and a new user waits meanwhile, and restarts the server if necessary.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
import time

POLL_S = 1.0
GRACE_S = 5.0
"""The server keeps running for this time, for the next run and for workers that still commit."""

STOP_LIMIT_S = 60.0


def main(arguments: list[str]) -> int:
    """Watch until the server has ended; return 0."""
    start_lock, use_lock, server_lock, watch_lock, pid_file, name, link = arguments
    idle_s = 0.0
    try:
        watch = _begin(start_lock, watch_lock)
        # If the folder was removed or replaced, the server ends by itself.
        while watch is not None and _is_same_file(watch, watch_lock):
            time.sleep(POLL_S)
            start = os.open(start_lock, os.O_RDWR)
            if _take(start):
                idle_s = 0.0 if _is_held(use_lock) else idle_s + POLL_S
                if idle_s > GRACE_S:
                    _stop(server_lock, pid_file, name)
                if not _is_held(server_lock):
                    _unlink(link)
                    # Released before the start lock, so that the next start begins a new watch.
                    os.close(watch)
                    watch = None
            os.close(start)
    except FileNotFoundError:
        pass
    return 0


def _begin(start_lock: str, watch_lock: str) -> int | None:
    """Return a descriptor that holds the watch lock; None if another process holds it."""
    start = os.open(start_lock, os.O_RDWR)
    fcntl.flock(start, fcntl.LOCK_EX)
    watch = os.open(watch_lock, os.O_RDWR)
    is_taken = _take(watch)
    os.close(start)
    return watch if is_taken else None


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(path: str) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        return not _take(descriptor)
    finally:
        os.close(descriptor)


def _is_same_file(descriptor: int, path: str) -> bool:
    mine, there = os.fstat(descriptor), os.stat(path)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def _stop(server_lock: str, pid_file: str, name: str) -> None:
    """Stop the server with a fast shutdown, and if that fails with an immediate one."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        _signal_server(pid_file, name, number)
        deadline = time.monotonic() + STOP_LIMIT_S
        while time.monotonic() < deadline:
            if not _is_held(server_lock):
                return
            time.sleep(POLL_S / 10)


def _signal_server(pid_file: str, name: str, number: int) -> None:
    """Send a signal to the process in the pid file if it is the server process."""
    try:
        with open(pid_file, "rb") as file:
            pid = int(file.readline())
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if f"cluster_name={name}".encode() in file.read().split(b"\0"):
                os.kill(pid, number)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return


def _unlink(link: str) -> None:
    try:
        os.unlink(link)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EACCES, errno.EPERM):
            raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

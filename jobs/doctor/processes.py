"""Finds processes that hold a lock, listen on a port, or were left behind by a killed run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil


def find_holders(file: Path) -> list[int]:
    """Return the ids of the processes that hold a lock on a file; empty when it cannot be read."""
    try:
        inode, text = file.stat().st_ino, Path("/proc/locks").read_text()
    except OSError:
        return []
    return parse_locks(text, inode=inode)


def parse_locks(text: str, *, inode: int) -> list[int]:
    """Return the ids of processes that hold a lock on an inode, from the text of /proc/locks.

    Processes that wait for the lock, and this process, are left out.
    """
    line = re.compile(rf"^\d+: FLOCK +\w+ +\w+ +(\d+) [0-9a-f]+:[0-9a-f]+:{inode} ", re.M)
    return sorted({int(pid) for pid in line.findall(text)} - {0, os.getpid()})


def find_listener(port: int) -> psutil.Process | None:
    """Return the process that listens on a TCP port; None when it is not known."""
    try:
        for connection in psutil.net_connections("tcp"):
            is_listener = connection.status == psutil.CONN_LISTEN and connection.pid is not None
            if is_listener and connection.laddr[1:2] == (port,):
                return psutil.Process(connection.pid)
    except psutil.Error:
        return None
    return None


def descends_from(process: psutil.Process, pids: Iterable[int]) -> bool:
    """Tell whether a process is one of `pids`, or was started by one of them."""
    try:
        return bool({process.pid, *(one.pid for one in process.parents())} & set(pids))
    except psutil.Error:
        return False


def describe_process(process: psutil.Process | None) -> str:
    """Return id and name of a process; its command line may have secrets and is not shown."""
    if process is None:
        return "a process of another user"
    try:
        return f"process {process.pid} ({process.name()})"
    except psutil.Error:
        return f"process {process.pid}"


def find_of_folders(folders: Iterable[Path]) -> Iterator[psutil.Process]:
    """Yield the processes of this user that were started for one of Ray's temporary folders."""
    marks = [f"{folder}/" for folder in folders]
    for process in psutil.process_iter(["cmdline", "uids"]):
        uids, line = process.info["uids"], " ".join(process.info["cmdline"] or ())
        if uids is not None and uids.real == os.getuid() and any(m in line for m in marks):
            yield process

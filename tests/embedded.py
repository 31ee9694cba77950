"""Processes that use the embedded PostgreSQL, seen from outside."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from cluster.store.server.server_files import ServerFiles

PROJECT_DIR = Path(__file__).resolve().parent.parent

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

START = """
import sys, time
from pathlib import Path
from cluster.store.server.embedded import start_embedded
print(start_embedded(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""
"""Uses the server until its standard input ends."""


def ask(url: str, query: bytes = b"SELECT 1") -> object:
    """Return the first value of the answer, or None when there are no rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def run_python(
    code: str,
    *arguments: object,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start a process that runs `code`, as this user or another one.

    Skip the test if the other user may not run this Python.
    """
    as_user: dict[str, Any] = {}
    if user is not None:
        entry = pwd.getpwnam(user)
        as_user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        try:
            subprocess.run([sys.executable, "-c", ""], check=True, **as_user)
        except PermissionError:
            pytest.skip(f"{user} may not run {sys.executable}")
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT_DIR,
        env={**os.environ, **(environment or {})},
        **as_user,
    )


def start_elsewhere(
    data_dir: Path, *, user: str | None = None
) -> tuple[subprocess.Popen[str], str]:
    """Return a process that uses the server, and the URL that the process got."""
    process = run_python(START, data_dir, user=user)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def find_watches(data_dir: Path) -> list[psutil.Process]:
    """Return the watch processes, which wait for the last user of the server to end."""
    home = str(ServerFiles.under(data_dir).home)
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(part.endswith("server_watch.py") for part in process.info["cmdline"] or ())
        and any(part.startswith(home) for part in process.info["cmdline"])
        and process.info["cmdline"][0] != "/bin/sh"
    ]

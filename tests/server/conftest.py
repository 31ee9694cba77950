"""Fixtures: an embedded PostgreSQL of the test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.store.server.embedded import stop_embedded
from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_process import shut_down


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder; servers with a data directory in it are stopped after the test."""
    path = Path(tempfile.mkdtemp(prefix="headcount-embedded-"))
    yield path
    for home in path.rglob("postgres"):
        if (home / "start.lock").exists():
            stop_embedded(home.parent)
            shut_down(ServerFiles(home))
    # A server that is ending may remove files at the same moment.
    shutil.rmtree(path, ignore_errors=True)

"""End-to-end tests look at Headcount from outside: the command line, HTTP, and the tables."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.store.database.engine import Engine, build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from tests.headcount import FinishedLibrary, Headcount


@pytest.fixture
def headcount(tmp_path: Path) -> Iterator[Headcount]:
    """Headcount with an empty data directory and a free port."""
    run = Headcount(tmp_path / "data")
    yield run
    run.kill()
    stop_embedded(run.data_dir)
    shutil.rmtree(run.data_dir, ignore_errors=True)


@pytest.fixture(scope="module")
def server(finished_library: FinishedLibrary, demo_library: Path) -> Iterator[Headcount]:
    """Headcount that has indexed the demo library, sees nothing new in it, and keeps serving."""
    folder = Path(tempfile.mkdtemp(prefix="headcount-e2e-"))
    run = Headcount(folder / "data", extra={"HEADCOUNT_ALLOWED_ROOTS": tempfile.gettempdir()})
    finished_library.copy_to(run.data_dir)
    run.start("--root", str(demo_library), "--keep")
    run.wait_until_ready()
    yield run
    run.end()
    stop_embedded(run.data_dir)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def open_tables(run: Headcount) -> Iterator[Engine]:
    """Look into the database of a run that has ended."""
    engine = build_engine(start_embedded(run.data_dir))
    try:
        yield engine
    finally:
        engine.dispose()
        stop_embedded(run.data_dir)

"""End-to-end tests look at Headcount from outside: the command line, HTTP, and the tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.store.database.engine import Engine, build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from tests.headcount import FinishedLibrary, Headcount
from tests.kept_servers import OVER_HTTP

HERE = Path(__file__).parent


@pytest.fixture
def headcount(tmp_path: Path) -> Iterator[Headcount]:
    """Headcount with an empty data directory and a free port."""
    run = Headcount(tmp_path / "data")
    yield run
    run.kill()
    stop_embedded(run.data_dir)
    shutil.rmtree(run.data_dir, ignore_errors=True)


@pytest.fixture(scope="module")
def server(finished_library: FinishedLibrary, demo_library: Path) -> Headcount:
    """The server that the files of `OVER_HTTP` share."""
    return OVER_HTTP.give(finished_library, demo_library)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files that share a server come first, one after the other."""
    places = [n for n, item in enumerate(items) if item.path.parent == HERE]
    own = sorted((items[n] for n in places), key=lambda item: _rank(item.path.stem))
    for place, item in zip(places, own, strict=True):
        items[place] = item


def _rank(name: str) -> int:
    sharing = OVER_HTTP.sharing
    return sharing.index(name) if name in sharing else len(sharing)


@contextmanager
def open_tables(run: Headcount) -> Iterator[Engine]:
    """Look into the database of a run that has ended."""
    engine = build_engine(start_embedded(run.data_dir))
    try:
        yield engine
    finally:
        engine.dispose()
        stop_embedded(run.data_dir)

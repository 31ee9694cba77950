"""End-to-end tests look at Headcount from outside: the command line, HTTP, and the tables."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster.store.database.engine import Engine, build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from tests.headcount import FinishedLibrary, Headcount

HERE = Path(__file__).parent
SHARING = ("test_doctor", "test_people_over_http", "test_http_session", "test_shared_data_dir")
"""The files whose tests share a server, in the order in which they use it."""


@pytest.fixture
def headcount(tmp_path: Path) -> Iterator[Headcount]:
    """Headcount with an empty data directory and a free port."""
    run = Headcount(tmp_path / "data")
    yield run
    run.kill()
    stop_embedded(run.data_dir)
    shutil.rmtree(run.data_dir, ignore_errors=True)


@contextmanager
def serving(finished_library: FinishedLibrary, demo_library: Path) -> Iterator[Headcount]:
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


@dataclass
class Kept:
    """What one file of tests leaves to the next: a server, and what ends it."""

    server: Headcount | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    def end(self) -> None:
        """End the server, if there is one."""
        self.server = None
        self.stack.close()


@pytest.fixture(scope="session")
def kept() -> Iterator[Kept]:
    kept = Kept()
    yield kept
    kept.end()


@pytest.fixture(scope="module", autouse=True)
def no_server_of_others(kept: Kept, request: pytest.FixtureRequest) -> None:
    """End the server that files share before a file that is none of them."""
    if request.path.stem not in SHARING:
        kept.end()


@pytest.fixture(scope="module")
def server(kept: Kept, finished_library: FinishedLibrary, demo_library: Path) -> Headcount:
    """The server that the files of `SHARING` share."""
    if kept.server is None:
        kept.server = kept.stack.enter_context(serving(finished_library, demo_library))
    return kept.server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files that share a server come first, one after the other."""
    places = [n for n, item in enumerate(items) if item.path.parent == HERE]
    own = sorted((items[n] for n in places), key=lambda item: _rank(item.path.stem))
    for place, item in zip(places, own, strict=True):
        items[place] = item


def _rank(name: str) -> int:
    return SHARING.index(name) if name in SHARING else len(SHARING)


@contextmanager
def open_tables(run: Headcount) -> Iterator[Engine]:
    """Look into the database of a run that has ended."""
    engine = build_engine(start_embedded(run.data_dir))
    try:
        yield engine
    finally:
        engine.dispose()
        stop_embedded(run.data_dir)

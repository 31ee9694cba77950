"""Fixtures for every kind of test."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cluster  # noqa: F401 (it turns off what ONNX Runtime would send, before that is imported)
from tests.slow_tests import mark_slow

if TYPE_CHECKING:
    from tests.headcount import FinishedLibrary

PROJECT_DIR = Path(__file__).resolve().parent.parent

pytest_plugins = [
    plugin
    for plugin in ("tests.databases", "tests.slow_machines")
    if importlib.util.find_spec(plugin)
]


SHARED = (
    "models/buffalo_s_standin",
    *(f"photos/{part}" for part in ("camera", "formats", "group", "odd", "people", "people.csv")),
)
"""What the folder of shared photographs and models contains."""


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of shared photographs and models; a test that needs it is skipped without it.

    Any other folder may be called `shared` too: one without all of SHARED is not it.
    """
    named = os.environ.get("HEADCOUNT_SHARED")
    folder = Path(named) if named else PROJECT_DIR.parent / "shared"
    missing = [part for part in SHARED if not (folder / part).exists()]
    if missing:
        pytest.skip(f"needs the shared photographs; {folder} has no {', '.join(missing)}")
    return folder


STARTING = {"end_to_end", "ray"}
"""The folders whose tests start a whole Headcount or a Ray, which keeps all cores busy."""


@pytest.fixture(scope="session")
def demo_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo library, made once; tests that change files copy it first."""
    from jobs.demo import make_demo_library

    folder = tmp_path_factory.mktemp("demo")
    make_demo_library(folder)
    return folder


@pytest.fixture(scope="session")
def finished_library(
    demo_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FinishedLibrary]:
    """The data directory of an undisturbed run over the demo library."""
    from tests.headcount import WITHOUT_PAGE, FinishedLibrary, Headcount, describe_files

    folder = tmp_path_factory.mktemp("finished")
    run = Headcount(folder / "data", extra=dict(WITHOUT_PAGE))
    before = describe_files(demo_library)
    code, output = run.run("--root", str(demo_library))
    assert code == 0, output
    yield FinishedLibrary(run.data_dir, output, before, describe_files(demo_library))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def no_ray_of_others(request: pytest.FixtureRequest) -> None:
    """End the shared Ray before a file whose tests use no Ray, or one of their own."""
    local_ray = sys.modules.get("tests.local_ray")
    own = [item for item in request.session.items if item.path == request.path]
    uses_it = any("shared_ray" in getattr(item, "fixturenames", ()) for item in own)
    if local_ray is not None and not uses_it:
        local_ray.end_kept_ray()


@pytest.fixture(scope="module", autouse=True)
def no_server_of_others(request: pytest.FixtureRequest) -> None:
    """End the servers that other files of tests have shared: they take CPU time while they wait."""
    kept = sys.modules.get("tests.kept_servers")
    if kept is not None:
        kept.end_kept_servers(but_of=request.path.stem)


@pytest.fixture(scope="session", autouse=True)
def no_server_left() -> Iterator[None]:
    """End the last of these servers."""
    yield
    kept = sys.modules.get("tests.kept_servers")
    if kept is not None:
        kept.end_kept_servers()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the shared folder, start a whole Headcount or a Ray, or are slow."""
    mark_slow(items)
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "shared_dir" in fixtures:
            item.add_marker("shared")
        if "finished_library" in fixtures:
            item.add_marker("long")
        if item.path.parent.name in STARTING or "finished_library" in fixtures:
            item.add_marker("whole")

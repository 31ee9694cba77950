"""Fixtures for every kind of test."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parent.parent

pytest_plugins = ["tests.databases"] if importlib.util.find_spec("tests.databases") else []


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of shared photographs and models; a test that asks for it is skipped without."""
    named = os.environ.get("HEADCOUNT_SHARED")
    folder = Path(named) if named else PROJECT_DIR.parent / "shared"
    if not (folder / "photos").is_dir():
        pytest.skip(f"needs the shared photographs; {folder / 'photos'} is no folder")
    return folder


@pytest.fixture(scope="session")
def demo_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo library, made once; tests that change files copy it first."""
    from jobs.demo import make_demo_library

    folder = tmp_path_factory.mktemp("demo")
    make_demo_library(folder)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the shared folder, so that `-m 'not shared'` leaves it out."""
    for item in items:
        if "shared_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")

"""Fixtures: one Ray for all tests that need no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local_ray import end_kept_ray, keep_ray


@pytest.fixture(scope="session")
def kept_ray() -> Iterator[None]:
    """End what `shared_ray` keeps when the tests are over."""
    yield
    end_kept_ray()


@pytest.fixture
def shared_ray(kept_ray: None) -> None:
    """Ray with two CPUs on this machine, without a dashboard."""
    keep_ray()

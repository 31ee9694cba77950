"""Unit tests are fast because they may neither start Ray nor sleep: doing so fails the test."""

from __future__ import annotations

import time

import pytest
import ray


@pytest.fixture(autouse=True)
def no_ray_and_no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_ray(*_args: object, **_options: object) -> None:
        pytest.fail("A unit test may not start Ray; test the plain class instead.")

    def refuse_sleep(_seconds: float) -> None:
        pytest.fail("A unit test may not sleep; hand the clock in as an argument.")

    monkeypatch.setattr(ray, "init", refuse_ray)
    monkeypatch.setattr(time, "sleep", refuse_sleep)

"""`make test-fast` leaves out the tests that are listed as slow, and no others."""

from __future__ import annotations

import pytest

from tests.house.sources import python_sources
from tests.slow_tests import find_slow, read_slow

PRINTED = """
0.09s call     tests/unit/test_a.py::test_of_many[1]
0.03s setup    tests/unit/test_a.py::test_of_many[2 of 3]
0.04s call     tests/unit/test_a.py::test_quick
2.00s call     tests/unit/test_b.py::test_slow
===== 4 passed in 3.21s =====
"""


def test_parameters_and_steps_of_a_test_are_added_up() -> None:
    slow = ["tests/unit/test_a.py::test_of_many", "tests/unit/test_b.py::test_slow"]
    assert find_slow(PRINTED.splitlines()) == slow


def test_every_listed_test_is_there() -> None:
    """A renamed test must be listed under its new name, or it is no longer left out."""
    defined = {
        f"{source.path}::{line.partition('(')[0].rpartition(' ')[2]}"
        for source in python_sources()
        if source.path.startswith("tests/")
        for line in source.text.splitlines()
        if line.startswith(("def test_", "async def test_"))
    }
    assert read_slow() - defined == set()


def test_what_is_listed_is_left_out(request: pytest.FixtureRequest) -> None:
    slow = read_slow()
    for item in request.session.items:
        is_listed = item.nodeid.partition("[")[0] in slow
        assert (item.get_closest_marker("slow") is not None) == is_listed

"""A check of the doctor that fails or hangs does not stop the others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from jobs.doctor.checks import Finding, Inquiry, Level, Section, Source, look, ok

INQUIRY = Inquiry({})


def check_that_fails(_inquiry: Inquiry) -> Iterator[Finding]:
    yield ok("first", "seen")
    raise ZeroDivisionError("oh")


def check_that_hangs(_inquiry: Inquiry) -> Iterator[Finding]:
    yield ok("first", "seen")
    threading.Event().wait()


def check_without_package(_inquiry: Inquiry) -> Iterator[Finding]:
    raise ImportError("No module named 'ray'")
    yield


Look = Callable[..., Section]


@pytest.fixture
def look_with(monkeypatch: pytest.MonkeyPatch) -> Look:
    """Runs one of the checks above, which the doctor finds by its module and its name."""
    module = ModuleType("checks_of_tests")
    vars(module).update(globals())
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def run(function: str, *, limit_s: float = 600) -> Section:
        source = Source("here", module.__name__, function)
        return look(source, INQUIRY, limit_s=limit_s, say=lambda _text: None)

    return run


def test_a_check_that_fails_keeps_what_it_had_found(look_with: Look) -> None:
    section = look_with("check_that_fails")
    assert [f.level for f in section.findings] == [Level.OK, Level.PROBLEM]
    assert "ZeroDivisionError: oh" in section.findings[1].says


def test_a_check_that_hangs_ends_as_a_finding(look_with: Look) -> None:
    section = look_with("check_that_hangs", limit_s=0.5)
    assert [f.level for f in section.findings][-1] is Level.PROBLEM
    assert "no answer within 0.5 seconds" in section.findings[-1].says


def test_a_package_that_is_missing_is_a_problem_with_its_cure(look_with: Look) -> None:
    (found,) = look_with("check_without_package").findings
    assert "No module named 'ray'" in found.says
    assert "make run" in (found.cure or "")


def test_a_check_that_cannot_be_imported_is_a_problem() -> None:
    source = Source("here", "jobs.doctor.no_such_module")
    (found,) = look(source, INQUIRY, say=lambda _text: None).findings
    assert found.level is Level.PROBLEM

"""A name with an escape sequence or a line break is shown harmlessly."""

from __future__ import annotations

import io
import json
import logging

import pytest
from rich.console import Console

from cluster.core.printable import to_printable, to_printable_lines
from cluster.core.progress import PhaseCounts, PhaseSnapshot, unify
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.logs import JsonLines
from jobs.doctor.checks import Finding, Level, Section
from jobs.doctor.report import write_section
from jobs.running.command import say
from jobs.status import print_progress
from tests.hostile_names import HOSTILE

ASCII = [chr(code) for code in range(32, 127)]


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_harmful_is_left_of_a_name(name: str) -> None:
    shown = to_printable(name)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert to_printable(shown) == shown


@pytest.mark.parametrize(
    "name",
    ["".join(ASCII), "Grüße aus Köln.jpg", "日本 写真.jpg", "👨‍👩‍👧.jpg", "שלום.jpg", "a\u00a0b"],
)
def test_names_of_every_language_stay_as_they_are(name: str) -> None:
    assert to_printable(name) == name


def test_of_several_lines_only_the_breaks_stay() -> None:
    assert to_printable_lines("one\ntwo\x1b[2J") == "one\ntwo\\x1b[2J"


def test_an_error_prints_no_escape_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b]0;owned\x07: there is no such folder.")
    assert capsys.readouterr().err == "headcount: \\x1b]0;owned\\x07: there is no such folder.\n"


def test_logs_hold_no_character_that_a_terminal_obeys() -> None:
    record = logging.LogRecord(
        "jobs", logging.INFO, "", 0, "\x1b[2J \x9b2J \u202e \udcff", None, None
    )
    line = JsonLines().format(record)
    assert line.isprintable()
    assert json.loads(line)["message"] == "\x1b[2J \x9b2J \u202e \udcff"


@pytest.mark.parametrize("name", [*HOSTILE, "[bold]", "[/]", "[link=x]"])
def test_a_report_of_the_doctor_and_the_progress_show_names_harmlessly(name: str) -> None:
    found = Finding(name, Level.PROBLEM, name, name)
    section = Section("library", (found,))
    assert all(line.isprintable() for line in write_section(section, columns=80).split("\n"))
    failed = PhaseSnapshot(PhaseName.TRAINING, PhaseStatus.FAILED, PhaseCounts(1), error=name)
    rest = [PhaseSnapshot(one, PhaseStatus.PENDING, PhaseCounts(1)) for one in PhaseName][1:]
    console = Console(file=io.StringIO(), width=80, highlight=False)
    print_progress(unify(1, [failed, *rest], version=1), console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert printed.count("\n") == 1 + len(PhaseName)
    assert all(line.isprintable() for line in printed.split("\n"))

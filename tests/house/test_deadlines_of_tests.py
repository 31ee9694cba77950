"""No test depends on the speed of the machine: tests wait with tests/waiting.py."""

from __future__ import annotations

import re

from tests.house.sources import python_sources

WAITING = "tests/waiting.py"

NOT_WAITED_FOR: dict[str, str] = {
    # path: why its numbers decide nothing
    "tests/unit/test_retries.py": "its clock moves when somebody sleeps",
    "tests/drills.py": "a soak ends after the minutes that it was asked for",
    "tests/file_drills.py": "a soak ends after the minutes that it was asked for",
}

A_SECOND = 1.0
"""Shorter numbers are pauses between two checks, or time-outs that are themselves tested."""


def test_no_test_has_a_deadline_of_its_own() -> None:
    number = r"(\d[\d_]*\.?\d*)"
    timeout = re.compile(rf"\b\w*timeout(?:_s|_seconds)?\s*(?:=|\()\s*{number}\s*[,)]")
    clock = re.compile(r"\btime\.(?:monotonic|time|perf_counter)\(\)\s*\+")
    own = [
        f"{source.path}:{line_number} {line.strip()}"
        for source in python_sources()
        if source.path.startswith("tests/") and source.path != WAITING
        if source.path not in NOT_WAITED_FOR
        for line_number, line in enumerate(source.text.splitlines(), start=1)
        if "time" in line
        if clock.search(line)
        or (
            "timeout" in line
            and any(float(seconds) > A_SECOND for seconds in timeout.findall(line))
        )
        if "wait_for_timeout" not in line  # a pause in a browser
    ]
    assert not own, "wait with tests.waiting, or for PATIENT_S"

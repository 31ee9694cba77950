"""The tests that `make test-fast` leaves out: those that took a tenth of a second or more.

They are listed in slow_tests.txt, by name without parameters, and carry the marker `slow`;
`make test` runs them all. To list them anew, on a quiet machine:

    make test-fast ARGS="-m 'not long' --durations=0 --durations-min=0.01" >durations
    python -m tests.slow_tests <durations
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

LISTED = Path(__file__).with_suffix(".txt")
SLOW_S = 0.1
_TIMED = re.compile(r"^([\d.]+)s (?:setup|call|teardown) +(\S+?)(\[.*)?$")


def find_slow(lines: Iterable[str]) -> list[str]:
    """Return the tests that are slow when all their parameters and steps are added up.

    `lines` are those that pytest prints with --durations=0.
    """
    seconds: dict[str, float] = {}
    for line in lines:
        if timed := _TIMED.match(line.strip()):
            seconds[timed[2]] = seconds.get(timed[2], 0.0) + float(timed[1])
    return sorted(name for name, took in seconds.items() if took >= SLOW_S)


def read_slow() -> set[str]:
    """Return the tests that are listed as slow."""
    return set(LISTED.read_text().split())


def mark_slow(items: Iterable[pytest.Item]) -> None:
    """Give the listed tests the marker `slow`."""
    slow = read_slow()
    for item in items:
        if item.nodeid.partition("[")[0] in slow:
            item.add_marker("slow")


if __name__ == "__main__":
    LISTED.write_text("\n".join(find_slow(sys.stdin)) + "\n")

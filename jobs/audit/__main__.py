"""`python -m jobs.audit` checks the locked packages; `make audit` calls it.

Exit codes: 0 nothing new, 1 a finding needs a decision, 2 bad arguments. Checks that are not
possible, such as vulnerabilities without a network, are reported and do not fail the audit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from jobs.audit.decisions import Locked, Report, normalise, read_lock, read_table
from jobs.audit.licences import check_licences
from jobs.audit.senders import check_senders, check_sources
from jobs.audit.vulnerabilities import check_vulnerabilities
from jobs.running.command import say

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = PROJECT_DIR / "requirements"
LOCKS = [
    REQUIREMENTS / f"{name}.txt"
    for name in ("build", "uv", "servers", "cpu", "gpu", "dev", "audit")
]
"""The smallest lock comes first: if the index has no data about it, the others are not checked."""


def main(arguments: list[str] | None = None) -> int:
    """Print the report of each check, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jobs.audit", description=__doc__)
    parser.add_argument("--pip-audit", type=Path, metavar="PROGRAM", help="the pip-audit to use")
    options = parser.parse_args(arguments)
    problems = []
    for report in run_audit(pip_audit=options.pip_audit):
        print(f"\n{report.title}")
        for line in report.lines:
            print(f"  {line}")
        problems += [f"{report.title}: {problem}" for problem in report.problems]
    for problem in problems:
        say(problem)
    if problems:
        say("record a decision on each of them in requirements/audit.toml")
    return 1 if problems else 0


def run_audit(*, pip_audit: Path | None) -> list[Report]:
    """Check all locks, and those of their packages that are installed here."""
    table = read_table(REQUIREMENTS / "audit.toml")
    locked = sorted({one for lock in LOCKS for one in read_lock(lock)}, key=_by_name)
    places = [*map(Path, sys.path), *_places_beside(pip_audit)]
    installed = find_installed(places)
    return [
        check_vulnerabilities(LOCKS, table, program=pip_audit),
        check_licences(locked, table, installed=installed),
        check_senders(locked, table, project_dir=PROJECT_DIR),
        check_sources(locked, table, installed=installed),
    ]


def find_installed(places: Sequence[Path]) -> dict[str, Distribution]:
    """Return the packages installed in `places`, by normalised name; the first place wins."""
    found: dict[str, Distribution] = {}
    for one in distributions(path=[str(place) for place in places]):
        found.setdefault(normalise(one.metadata["Name"]), one)
    return found


def _places_beside(program: Path | None) -> list[Path]:
    """Return the folders of the packages in a program's own environment."""
    return [] if program is None else list(program.parent.parent.glob("lib/python*/site-packages"))


def _by_name(package: Locked) -> tuple[str, str]:
    return package.name, package.version


if __name__ == "__main__":
    sys.exit(main())

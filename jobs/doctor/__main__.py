"""`python -m jobs.doctor`: examine the installation, and report problems and possible problems.

It changes nothing in the library. The output is meant for bug reports: it shows no secret, and
without `--paths` no folder of photos, no photo, and no name of a session or person. Exit codes: 0
no problem was found, 1 a problem was found, 2 bad arguments.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cluster.environment import environment_at_start
from jobs.doctor.checks import Inquiry, Section, Source, look
from jobs.doctor.privacy import find_secrets, mask
from jobs.doctor.report import (
    TITLES,
    as_values,
    list_next,
    status_of,
    summarise,
    write_section,
)
from jobs.running.command import as_command, say

SOURCES = (
    Source("versions", "jobs.doctor.package_versions"),
    Source("settings", "jobs.doctor.configuration"),
    Source("pack", "jobs.doctor.pack"),
    Source("machine", "jobs.doctor.machine"),
    Source("folders", "jobs.doctor.private_places"),
    Source("ports", "jobs.doctor.network"),
    Source("ray", "jobs.doctor.rays"),
    Source("database", "jobs.doctor.sessions_check", "check_database"),
    Source("backups", "jobs.doctor.backups_check"),
    Source("sessions", "jobs.doctor.sessions_check", "check_sessions"),
)
"""Checks that need no package come first. Each module is imported just before its check."""

MAX_COLUMNS = 100


def main(arguments: list[str] | None = None) -> int:
    """Print the report and return the exit code."""
    options = build_parser().parse_args(arguments)
    inquiry = Inquiry(
        environment_at_start(),
        config=options.config,
        shows_paths=options.paths,
        is_offline=options.offline,
    )
    sections = examine(inquiry)
    if options.json:
        found = list(sections)
        found.append(list_next(found))
        print(json.dumps(as_values(found), indent=2))
        return status_of(found)
    return print_report(sections)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--paths", action="store_true", help="show the folders of photos and names of sessions"
    )
    parser.add_argument(
        "--offline", action="store_true", help="start no database, and connect to nothing"
    )
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def examine(inquiry: Inquiry, sources: Iterable[Source] = SOURCES) -> Iterator[Section]:
    """Yield the section of each check as soon as it is complete, without secrets."""
    secrets = find_secrets(inquiry.environment, read_config_text(inquiry.config_file))
    home = str(Path.home())
    for source in sources:
        yield mask(look(source, inquiry, say=say), secrets=secrets, home=home)


def read_config_text(file: Path | None) -> str:
    """Return a file of settings as text; "" when it cannot be read."""
    try:
        return "" if file is None else file.read_text(errors="replace")
    except OSError:
        return ""


def print_report(sections: Iterable[Section]) -> int:
    """Print each section as it comes, then all problems again, and return the exit code."""
    columns = min(shutil.get_terminal_size((MAX_COLUMNS, 24)).columns, MAX_COLUMNS)
    found: list[Section] = []
    for section in sections:
        found.append(section)
        print(f"{TITLES[section.name]}\n{write_section(section, columns=columns)}\n", flush=True)
    troubles = list_next(found)
    if troubles.findings:
        print(f"{TITLES[troubles.name]}\n{write_section(troubles, columns=columns)}\n")
    print(summarise(troubles))
    return status_of(found)


if __name__ == "__main__":
    sys.exit(as_command(main))

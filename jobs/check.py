"""`python -m jobs.check`: compare the library with itself, with the disk and with its backups.

The check only reads: its transaction is read-only, and no photo is opened. `--repair` repairs
derived data, such as counts, indexes and thumbnails, reports each repair, and checks again; it
changes no decision and no photo. Exit codes: 0 nothing is damaged, 1 something is damaged, 2 the
library cannot be checked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cluster.core.damage import Report, describe_damage
from cluster.core.errors import DatabaseUnavailable, DatabaseUnusable
from cluster.settings import Settings, load_settings
from cluster.store.condition import look_at_embedded
from cluster.store.database.engine import Engine, build_engine, check_database
from cluster.store.server.embedded import start_embedded, stop_embedded
from jobs.library_check import check_library
from jobs.library_repair import repair_library
from jobs.running.command import BAD_ARGUMENTS, FAILED, as_command, run_command

FINE, DAMAGED, NOT_CHECKED = 0, FAILED, BAD_ARGUMENTS
MOST_EXAMPLES = 100


def main(arguments: list[str] | None = None) -> int:
    """Run the check, print the report, and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(
        partial(run, options),
        exit_codes={DatabaseUnavailable: NOT_CHECKED, DatabaseUnusable: NOT_CHECKED},
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.check", description=__doc__)
    parser.add_argument("--repair", action="store_true", help="repair derived data")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        metavar="N",
        help="multiply the time limits (of files, indexes, old sessions and backups) by N",
    )
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def run(options: argparse.Namespace) -> int:
    """Check, repair if requested, print the report, and return the exit code."""
    settings = load_settings(config=options.config)
    with opened(settings) as engine:
        report = check_library(engine, settings, limit_factor=options.patience)
        repairs: list[str] = []
        if options.repair and not report.is_fine:
            for line in repair_library(engine, settings, report):
                repairs.append(line)
                if not options.json:
                    print(line, flush=True)
            report = check_library(engine, settings, limit_factor=options.patience)
    if options.json:
        print(json.dumps(as_values(report, repairs=repairs), indent=2))
    else:
        print("\n".join(describe(report)))
    return FINE if report.is_fine else DAMAGED


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """Yield an engine for the database, without creating a database or upgrading tables.

    Raises DatabaseUnavailable if there is no database, or it does not answer.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
    elif look_at_embedded(settings.data_dir).is_made:
        url = start_embedded(settings.data_dir)
    else:
        raise DatabaseUnavailable(f"There is no library in {settings.data_dir} yet.")
    engine = build_engine(url)
    try:
        check_database(engine)
        yield engine
    finally:
        engine.dispose()
        if settings.database_url is None:
            stop_embedded(settings.data_dir)


def describe(report: Report) -> Iterator[str]:
    """Yield the lines of a report: damage with its cure, notes, and the counts of checked rows."""
    cures: list[str] = []
    for damage in report.damage:
        yield f"DAMAGED  {describe_damage(damage)}"
        if damage.explanation.cure not in cures:
            cures.append(damage.explanation.cure)
    yield from (f"      -> {cure}" for cure in cures)
    yield from (f"note     {note}" for note in report.notes)
    yield f"examined {', '.join(f'{name}: {number:,}' for name, number in report.examined)}"
    yield "Nothing is damaged." if report.is_fine else "Something is damaged."


def as_values(report: Report, *, repairs: Sequence[str]) -> dict[str, Any]:
    """Return a report as plain values for JSON."""
    return {
        "isFine": report.is_fine,
        "damage": [
            {
                "kind": one.kind.value,
                "count": one.count,
                "says": one.explanation.says,
                "cure": one.explanation.cure,
                "isDerived": one.explanation.is_derived,
                "examples": list(one.examples[:MOST_EXAMPLES]),
            }
            for one in report.damage
        ],
        "notes": list(report.notes),
        "examined": dict(report.examined),
        "repairs": list(repairs),
    }


if __name__ == "__main__":
    sys.exit(as_command(main))

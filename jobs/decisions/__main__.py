"""`python -m jobs.decisions`: export the decisions of this library, or import those of another.

An export has names, placed faces, answers, verdicts, erased places, birth dates and covers. An
import adds them to this library; decisions that cannot be placed yet wait for a later session.
Exit codes: 0 done, 1 failed, 2 bad arguments or a file that cannot be imported.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from cluster.core.errors import BadExport
from cluster.core.printable import to_printable
from cluster.settings import Settings, load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.decisions.decision_reading import read_decisions
from cluster.store.decisions.importing import ImportReport, import_decisions
from cluster.store.decisions.kept_list import KeptInfo, count_kept, forget_kept, list_kept
from cluster.vision.photos.region_crops import cut_from_thumbnail
from jobs.decisions.export_files import ExportFormat, check_free, export_to
from jobs.running.command import BAD_ARGUMENTS, as_command, run_command, say
from jobs.running.runtime import open_database

DONE, NOT_DONE = 0, BAD_ARGUMENTS
MOST_PRINTED = 20


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(
        lambda: options.run(load_settings(config=options.config), options),
        exit_codes={BadExport: BAD_ARGUMENTS},
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.decisions", description=__doc__)
    does = parser.add_subparsers(required=True, metavar="export | import | waiting")
    export = does.add_parser("export", help="write the decisions to a new file")
    export.add_argument("file", type=Path, metavar="FILE", help="a file that does not exist yet")
    export.add_argument("--format", type=ExportFormat, choices=list(ExportFormat), default="json")
    export.add_argument("--pack", help="people and faces of this pack only")
    export.set_defaults(run=run_export)
    importing = does.add_parser("import", help="add the decisions of an export (JSON)")
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.set_defaults(run=run_import)
    waiting = does.add_parser("waiting", help="list the decisions that could not be placed yet")
    waiting.add_argument("--forget", action="store_true", help="forget all of them permanently")
    waiting.add_argument("--yes", action="store_true", help="do not ask")
    waiting.set_defaults(run=run_waiting)
    for one in (export, importing, waiting):
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def run_export(settings: Settings, options: argparse.Namespace) -> int:
    """Export to the file, and print the number of records of each section."""
    check_free(options.file)
    with open_database(settings) as (_, engine):
        counts = export_to(
            engine, options.file, options.format, pack=options.pack, now=datetime.now(UTC)
        )
    if options.json:
        print(json.dumps({"file": str(options.file), **counts}, indent=2))
        return DONE
    held = ", ".join(f"{number:,} {what}" for what, number in counts.items())
    print(f"Exported to {options.file}: {held}.")
    return DONE


def run_import(settings: Settings, options: argparse.Namespace) -> int:
    """Import the file in one transaction, and print the changes and the decisions that wait."""
    say("An import cannot be undone, except by restoring a backup that was made before it.")
    with open_database(settings) as (_, engine):
        report = import_file(engine, options.file)
        with begin(engine) as db:
            kept = count_kept(db)
    if options.json:
        print(json.dumps({**asdict(report), "kept": kept}, indent=2))
    else:
        print("\n".join(describe_report(report, kept=kept)))
    return DONE


def import_file(engine: Engine, path: Path) -> ImportReport:
    """Import a file. Raises BadExport if it cannot be opened or is not an export."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise BadExport(str(path), str(error.strerror or error)) from error
    with stream, begin(engine) as db:
        records = read_decisions(stream, name=str(path))
        now = datetime.now(UTC)
        return import_decisions(db, records, source=path.name, now=now, cut=cut_from_thumbnail)


def describe_report(report: ImportReport, *, kept: int) -> list[str]:
    """Return lines with the changes of an import, and the decisions that it could not place."""
    if report.has_changed:
        lines = [
            f"Imported: {report.people:,} people, {report.covers:,} covers, "
            f"{report.placed:,} placed faces, {report.set_aside:,} faces set aside, "
            f"{report.grouped:,} grouped faces, {report.erased:,} erased places, "
            f"{report.answers:,} answers."
        ]
    else:
        lines = ["Nothing has changed."]
    for one in report.left:
        lines.append(f"Not placed: {one.count:,} x {one.kind}. {one.reason.sentence}")
    for left in report.listed[:MOST_PRINTED]:
        who = f"{left.name}: " if left.name else ""
        lines.append(to_printable(f"  {left.kind}: {who}{left.path or ''} ({left.reason})"))
    if kept:
        lines.append(
            f"{kept:,} decisions wait. A session that finds their photos places them. To list "
            "them: python -m jobs.decisions waiting"
        )
    return lines


def run_waiting(settings: Settings, options: argparse.Namespace) -> int:
    """List the decisions that wait, or forget them after a confirmation."""
    with open_database(settings) as (_, engine):
        with begin(engine) as db:
            count = count_kept(db)
            listed = list_kept(db, limit=count if options.json else MOST_PRINTED)
        if options.forget:
            return forget(engine, count, is_sure=options.yes)
    if options.json:
        rows = [{**asdict(one), "kept_at": one.kept_at.isoformat()} for one in listed]
        print(json.dumps({"count": count, "waiting": rows}, indent=2))
        return DONE
    print(
        f"{count:,} decisions wait for their photo or face."
        if count
        else "No decisions are waiting."
    )
    print("".join(f"{describe_kept(one)}\n" for one in listed), end="")
    return DONE


def describe_kept(one: KeptInfo) -> str:
    """Return a line about a decision that waits."""
    who = f"{one.name}: " if one.name else ""
    return to_printable(f"  {one.kind}: {who}{one.path or ''} ({one.reason}; {one.source})")


def forget(engine: Engine, count: int, *, is_sure: bool) -> int:
    """Forget the decisions that wait, after a confirmation unless `is_sure`."""
    if not count:
        print("No decisions are waiting.")
        return DONE
    if not (is_sure or is_confirmed(count)):
        print("Nothing was forgotten.")
        return NOT_DONE
    with begin(engine) as db:
        print(f"Forgotten: {forget_kept(db):,} decisions.")
    return DONE


def is_confirmed(count: int) -> bool:
    """Ask for confirmation; without a terminal, the answer is no."""
    try:
        return input(f"Forget {count:,} decisions permanently? Type yes: ").strip().lower() == "yes"
    except EOFError:
        return False


if __name__ == "__main__":
    sys.exit(as_command(main))

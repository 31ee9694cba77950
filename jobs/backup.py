"""`python -m jobs.backup`: make a backup of the library, and prove it.

A backup counts only after it was restored into a scratch database and found equal. `--to` writes it
to another folder, or below a URL such as `s3://bucket/folder`, where it is read back and compared.
`--list` lists the backups. Exit codes: 0 made (or not due), 1 failed, 2 bad arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cluster.core.decisions.backups import BackupKind, BackupReason
from cluster.core.files.paths import is_url, path_of_file_url
from cluster.settings import Settings, backup_policy, load_settings
from cluster.store.backups.backup_folders import StoredBackup, list_backups
from cluster.store.backups.routine import back_up, back_up_if_due, back_up_to_url, want
from cluster.store.database.engine import Engine
from jobs.doctor.units import count_nouns, describe_bytes
from jobs.running.command import as_command, run_command, say
from jobs.running.runtime import open_database

DONE = 0


def main(arguments: list[str] | None = None) -> int:
    """Make a backup, or list them, and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(partial(run, options))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.backup", description=__doc__)
    parser.add_argument("--to", metavar="DIR or URL", help="default: the setting backup_dir")
    parser.add_argument(
        "--kind",
        choices=[kind.value for kind in BackupKind],
        help="the content of the backup; default: the setting backup_kind",
    )
    parser.add_argument(
        "--if-due",
        action="store_true",
        help="only if there are new decisions and the last backup is old enough",
    )
    parser.add_argument("--list", action="store_true", help="list the backups, and make none")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def run(options: argparse.Namespace) -> int:
    """Make or list backups, print the result, and return the exit code."""
    settings = load_settings(config=options.config, options={"backup_kind": options.kind})
    if options.list:
        print_backups(list_backups(backup_policy(settings).folder), as_json=options.json)
        return DONE
    with open_database(settings) as (_, engine):
        made, place = make(settings, engine, options)
    if made is None:
        say("no backup is due")
    if options.json:
        print(json.dumps(None if made is None else as_values(made, place=place), indent=2))
    elif made is not None:
        print(describe_made(made, place=place))
    return DONE


def make(
    settings: Settings, engine: Engine, options: argparse.Namespace
) -> tuple[StoredBackup | None, str]:
    """Make the backup, and return it with its path or URL; None if no backup is due.

    Raises BackupFailed, or BackupBusy while another process makes or restores one.
    """
    policy, now = backup_policy(settings), datetime.now(UTC)
    if options.if_due:
        made = back_up_if_due(engine, policy, now=now)
        return made, "" if made is None else str(made.file)
    wanted = want(policy, reason=BackupReason.ASKED, now=now)
    if options.to is not None and is_url(options.to):
        return back_up_to_url(engine, policy, wanted, options.to)
    if options.to is not None:
        # Nothing is deleted in a folder that is not Headcount's own.
        folder = Path(path_of_file_url(options.to)).expanduser().absolute()
        wanted = replace(wanted, folder=folder, keep=sys.maxsize)
    made = back_up(engine, policy, wanted)
    return made, str(made.file)


def as_values(backup: StoredBackup, *, place: str) -> dict[str, Any]:
    """Return a backup as plain values for JSON."""
    manifest = backup.manifest
    return {
        "file": place,
        "bytes": backup.bytes,
        "kind": manifest.kind,
        "reason": manifest.reason,
        "madeAt": manifest.made_at.isoformat(),
        "revision": manifest.revision,
        **asdict(manifest.totals),
    }


def describe_made(backup: StoredBackup, *, place: str) -> str:
    """Return a line about a backup that was made."""
    return (
        f"Backed up and proved: {describe_totals(backup)}, {describe_bytes(backup.bytes)}: {place}"
    )


def describe_totals(backup: StoredBackup) -> str:
    """Return the kind of a backup and the counts of its library."""
    totals = backup.manifest.totals
    return (
        f"{backup.manifest.kind}, {count_nouns(totals.photos, 'photo')}, "
        f"{count_nouns(totals.faces, 'face')}, {totals.people:,} people, {totals.named:,} named"
    )


def print_backups(backups: list[StoredBackup], *, as_json: bool) -> None:
    """Print the backups of a folder, the newest first."""
    if as_json:
        values = [as_values(one, place=str(one.file)) for one in backups]
        print(json.dumps({"backups": values}, indent=2))
        return
    for one in backups:
        when = one.manifest.made_at.astimezone().strftime("%Y-%m-%d %H:%M")
        why = "" if one.manifest.reason.is_ordinary else f" ({one.manifest.reason})"
        print(f"{when}  {describe_totals(one)}, {describe_bytes(one.bytes)}{why}\n  {one.file}")
    if not backups:
        print("No backup yet.")


if __name__ == "__main__":
    sys.exit(as_command(main))

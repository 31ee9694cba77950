"""`python -m jobs.restore FILE`: restore a backup.

A backup of everything takes the place of the library; decisions are added to the library. Without
FILE, the backups are listed. FILE may be a URL. The command shows what will change, and asks. It
first makes a backup of everything in the library; `--undo` restores that one. If the command is
stopped, the library is as it was, or as in the backup. Exit codes: 0 restored, 1 a session is
running or the restore failed, 2 bad arguments, no backup, or not confirmed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cluster.core.decisions.backups import BackupKind, BackupPolicy, BackupReason
from cluster.core.errors import BadBackup
from cluster.core.files.paths import is_url, path_of_file_url
from cluster.settings import backup_policy, load_settings
from cluster.store.backups.backup_folders import (
    list_backups,
    list_names,
    open_folder,
    partial_folder,
)
from cluster.store.backups.remote_backups import fetch_backup
from cluster.store.backups.restoring import Comparison, Restored, compare_backup, restore_backup
from cluster.store.backups.routine import want
from cluster.vision.photos.region_crops import cut_from_thumbnail
from jobs.backup import print_backups
from jobs.doctor.units import count_nouns
from jobs.running.command import BAD_ARGUMENTS, as_command, run_command, say
from jobs.running.runtime import open_database

RESTORED, NOT_DONE = 0, BAD_ARGUMENTS


def main(arguments: list[str] | None = None) -> int:
    """Restore a backup and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(partial(run, options), exit_codes={BadBackup: BAD_ARGUMENTS})


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.restore", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("file", nargs="?", metavar="FILE", help="a backup, or its URL")
    what.add_argument(
        "--undo", action="store_true", help="restore the backup that the last restore made"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def run(options: argparse.Namespace) -> int:
    """Restore the backup that the options name, after a confirmation; return the exit code."""
    settings = load_settings(config=options.config)
    policy = backup_policy(settings)
    if options.file is None and not options.undo:
        print_backups(list_backups(policy.folder), as_json=options.json)
        return RESTORED
    with chosen(options, policy) as file, open_database(settings) as (_, engine):
        comparison = compare_backup(engine, file)
        if not options.json:
            print(describe(comparison))
        if not (options.yes or is_confirmed()):
            print("Nothing was restored.")
            return NOT_DONE
        wanted = want(policy, reason=BackupReason.BEFORE_RESTORE, now=datetime.now(UTC))
        restored = restore_backup(engine, file, wanted, note=say, cut=cut_from_thumbnail)
    print(json.dumps(as_values(restored), indent=2) if options.json else describe_done(restored))
    return RESTORED


@contextmanager
def chosen(options: argparse.Namespace, policy: BackupPolicy) -> Iterator[Path]:
    """Yield the file to restore; a backup at a URL is downloaded for the block.

    Raises BadBackup if there is nothing to undo, or the URL cannot be read.
    """
    if options.undo:
        yield find_before_restore(policy.folder)
    elif is_url(options.file):
        with partial_folder(open_folder(policy.folder)) as folder:
            copy = folder / "fetched.zip"
            fetch_backup(options.file, copy)
            yield copy
    else:
        yield Path(path_of_file_url(options.file)).expanduser().absolute()


def find_before_restore(folder: Path) -> Path:
    """Return the backup that the last restore made before it began. Raises BadBackup."""
    for name in list_names(folder):
        if name.reason is BackupReason.BEFORE_RESTORE:
            return folder / str(name)
    raise BadBackup(
        str(folder), "it has no backup from before a restore: there is nothing to undo."
    )


def describe(comparison: Comparison) -> str:
    """Return a table of what a restore would change."""
    then, now = asdict(comparison.manifest.totals), asdict(comparison.now)
    when = comparison.manifest.made_at.astimezone().strftime("%Y-%m-%d %H:%M")
    lines = [f"{'':<10}{'now':>12}{when:>20}"]
    lines += [f"{name:<10}{now[name]:>12,}{then[name]:>20,}" for name in then]
    if comparison.manifest.kind is BackupKind.DECISIONS:
        lines.append("The decisions are added to the library. Decisions that were made here stay.")
    elif comparison.is_same:
        lines.append("Nothing was named, moved or answered since the backup was made.")
    else:
        lines.append("All decisions since then will be undone, including erasures.")
    return "\n".join(lines)


def is_confirmed() -> bool:
    """Ask for confirmation; without a terminal, the answer is no."""
    try:
        return input("Restore the backup? Type yes: ").strip() == "yes"
    except EOFError:
        return False


def describe_done(restored: Restored) -> str:
    """Return lines about a restore that took place."""
    says = "Restored."
    if restored.left:
        says += f" Waiting for a photo or a face: {count_nouns(restored.left, 'decision')}."
    if restored.before is not None:
        says += f" The previous state is kept in {restored.before.file}"
    return says


def as_values(restored: Restored) -> dict[str, Any]:
    """Return a restore as plain values for JSON."""
    return {
        "before": asdict(restored.comparison.now),
        "backup": asdict(restored.comparison.manifest.totals),
        "left": restored.left,
        "kept": None if restored.before is None else str(restored.before.file),
    }


if __name__ == "__main__":
    sys.exit(as_command(main))

"""`python -m jobs.upgrade_database`: carry the embedded database over to this PostgreSQL.

Run it if a newer Headcount says that the database was made by an earlier PostgreSQL. The old server
is dumped, a new one is filled, and digests of all rows are compared. Then the new one takes the
place of the old one, which is kept until `--confirm` removes it. If the command is stopped, either
the old or the new database is in place, and the command can be run again. Exit codes: 0 done, or
nothing to do; 1 the database is in use, or the upgrade failed and nothing changed; 2 bad arguments.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from cluster.core.errors import BadSetting, DatabaseUnusable
from cluster.settings import Settings, load_settings
from cluster.store.server.carrying_over import carry_over, find_major
from cluster.store.server.server_files import ServerFiles, hold_lock
from cluster.store.server.server_programs import VERSION
from cluster.store.server.server_switch import list_kept, remove_kept
from jobs.old_servers import find_release
from jobs.running.command import as_command, run_command, say

DONE = 0


def main(arguments: list[str] | None = None) -> int:
    """Carry over or confirm, and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(partial(run, options))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.upgrade_database", description=__doc__)
    parser.add_argument(
        "--confirm", action="store_true", help="remove the old database that was kept"
    )
    parser.add_argument(
        "--programs",
        type=Path,
        metavar="DIR",
        help="the programs of the old PostgreSQL; default: those of the package",
    )
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def run(options: argparse.Namespace) -> int:
    """Upgrade or confirm, and return the exit code. Raises DatabaseUnusable for a newer one."""
    settings = load_settings(config=options.config)
    if settings.database_url is not None:
        raise BadSetting("database_url", "an external server is upgraded by its own tools.")
    files = ServerFiles.under(settings.data_dir)
    major = find_major(files)
    if options.confirm:
        return confirm(files, major)
    if major is None:
        print(f"There is no database in {files.home} yet.")
    elif major > VERSION:
        raise DatabaseUnusable(
            f"{files.data} was made by PostgreSQL {major}; this Headcount has {VERSION}. Use the "
            "Headcount that made it, or set another data_dir."
        )
    elif major == VERSION:
        print(f"The database is already one of PostgreSQL {VERSION}.")
        tell_kept(files)
    else:
        upgrade(settings, files, major, programs=options.programs)
    return DONE


def upgrade(settings: Settings, files: ServerFiles, major: int, *, programs: Path | None) -> None:
    """Carry the database over from a major version, and print what was done."""
    with find_release(major, named=programs, scratch=settings.data_dir) as release:
        done = carry_over(files, release, say=say)
    print(
        f"Carried over from PostgreSQL {major} to {VERSION}: {done.tables} tables, {done.rows:,} "
        "rows, all compared."
    )
    tell_kept(files)


def tell_kept(files: ServerFiles) -> None:
    """Print where old databases are kept, and how to remove them."""
    for folder in list_kept(files):
        print(f"The old database is kept: {folder}. If everything works, remove it with --confirm.")


def confirm(files: ServerFiles, major: int | None) -> int:
    """Remove the kept databases. Raises DatabaseUnusable if there is no new one."""
    if major != VERSION:
        raise DatabaseUnusable(
            f"There is no database of PostgreSQL {VERSION} in {files.home}, so nothing was removed."
        )
    with hold_lock(files.start_lock):
        removed = remove_kept(files)
    print("The old database was removed." if removed else "No old database was kept.")
    return DONE


if __name__ == "__main__":
    sys.exit(as_command(main))

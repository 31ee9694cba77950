"""`python -m jobs.erase`: erase a session, a person, or everything, permanently.

Photo files are never changed. The command asks for confirmation, unless `--yes` is given. Deleted
rows are invisible to all queries; `--compact` also removes their bytes from PostgreSQL's files at
once. Exit codes: 0 erased, 1 a session is running, 2 bad arguments or not confirmed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from functools import partial
from pathlib import Path

from cluster.core.files.paths import decoded_folder
from cluster.settings import Settings, backup_policy, load_settings
from cluster.store.backups.backup_folders import list_names
from cluster.store.database.engine import Engine, begin
from cluster.store.erasing import (
    Erased,
    compact_tables,
    erase_all,
    erase_ended_session,
    erase_person,
)
from jobs.doctor.units import count_nouns
from jobs.running.command import BAD_ARGUMENTS, as_command, run_command
from jobs.running.runtime import open_database

ERASED, NOT_DONE = 0, BAD_ARGUMENTS


def main(arguments: list[str] | None = None) -> int:
    """Erase the session, the person or everything, and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(partial(ask_and_run, options))


def ask_and_run(options: argparse.Namespace) -> int:
    """Ask for confirmation, erase, and return the exit code."""
    settings = load_settings(config=options.config)
    if not (options.yes or is_confirmed(describe(options))):
        print("Nothing was erased.")
        return NOT_DONE
    return run(settings, options)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.erase", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--session", type=int, metavar="ID", help="a session, and its photos")
    what.add_argument("--person", type=int, metavar="ID", help="a person, with all faces")
    what.add_argument("--all", action="store_true", help="everything")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--compact", action="store_true", help="rewrite the tables' files")
    parser.add_argument(
        "--backups", action="store_true", help="also delete all backups in backup_dir"
    )
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def describe(options: argparse.Namespace) -> str:
    """Return a description of the data to erase, for the question."""
    if options.all:
        return "all sessions, photos, faces and people"
    if options.person is not None:
        return f"person {options.person} and all faces of this person"
    return f"session {options.session} and everything that only it has found"


def is_confirmed(what: str) -> bool:
    """Ask for confirmation; without a terminal, the answer is no."""
    try:
        return input(f"Erase {what} permanently? Type yes: ").strip().lower() == "yes"
    except EOFError:
        return False


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Erase, and print the numbers of erased photos, faces and people."""
    with open_database(settings) as (_, engine):
        erased = erase(engine, settings, options)
        if options.compact:
            compact_tables(engine)
    print(f"Erased: {erased.photos} photos, {erased.faces} faces, {erased.people} people.")
    print_backups(settings, deletes=options.backups)
    return ERASED


def erase(engine: Engine, settings: Settings, options: argparse.Namespace) -> Erased:
    """Erase rows from the tables, and decoded photos that a killed run left behind."""
    if options.person is not None:
        with begin(engine) as db:
            return erase_person(db, options.person)
    if options.session is not None:
        erased = erase_ended_session(engine, options.session)
        shutil.rmtree(decoded_folder(settings.data_dir, options.session), ignore_errors=True)
        return erased
    with begin(engine) as db:
        erased = erase_all(db)
    shutil.rmtree(decoded_folder(settings.data_dir, 0).parent, ignore_errors=True)
    return erased


def print_backups(settings: Settings, *, deletes: bool) -> None:
    """Delete all backups, or warn that they may still contain the erased data."""
    folder = backup_policy(settings).folder
    names = list_names(folder)
    if not names:
        return
    if deletes:
        for name in names:
            (folder / str(name)).unlink(missing_ok=True)
        print(f"Deleted: {count_nouns(len(names), 'backup')} in {folder}.")
    else:
        backups = count_nouns(len(names), "backup")
        print(f"{backups} in {folder} may still contain the erased data; --backups deletes them.")


if __name__ == "__main__":
    sys.exit(as_command(main))

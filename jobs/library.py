"""`python -m jobs.library`: list the libraries, confirm or forget missing photos, move a library.

By default it lists each library: its photos, missing photos, people, and last session.
`--confirm-missing ROOT` confirms that absent files are gone, and not on a disk that is not mounted.
`--forget-missing ROOT` forgets the missing photos with their faces, and people who are in no other
photo, after a confirmation. `--moved OLD NEW` moves a library to a new root. Photo files are never
changed or read. Exit codes: 0 done, 1 a session is running or the storage does not answer, 2 bad
arguments or not confirmed.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from cluster.core.errors import BadRoot, NotFound, RootUnreachable
from cluster.core.files.gone import describe_confirming
from cluster.core.files.paths import path_to_text
from cluster.core.printable import to_printable
from cluster.settings import Settings, load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.forgetting import confirm_missing, forget_missing
from cluster.store.photos.library_moves import move_library
from cluster.store.sessions.library_rows import (
    LibraryInfo,
    find_library_id,
    get_library,
    list_known_files,
    list_libraries,
)
from cluster.tasks.presence import check_moved, find_gone_files
from jobs.running.command import BAD_ARGUMENTS, FAILED, as_command, run_command
from jobs.running.plans import normalise_root
from jobs.running.runtime import open_database
from serve.bodies.library_bodies import LibraryBody

DONE, NOT_DONE = 0, BAD_ARGUMENTS


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(
        lambda: run(load_settings(config=options.config), options),
        # Storage that does not answer may answer later.
        exit_codes={BadRoot: BAD_ARGUMENTS, RootUnreachable: FAILED},
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.library", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--forget-missing", metavar="ROOT", help="forget its missing photos")
    what.add_argument(
        "--confirm-missing", metavar="ROOT", help="confirm that its absent files are gone"
    )
    what.add_argument("--moved", nargs=2, metavar=("OLD", "NEW"), help="the library is at NEW now")
    what.add_argument("--json", action="store_true", help="print JSON, as the HTTP interface does")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Open the database, and list, forget, confirm or move; return the exit code."""
    with open_database(settings) as (_, engine):
        if options.forget_missing is not None:
            return forget(engine, options.forget_missing, is_sure=options.yes)
        if options.confirm_missing is not None:
            return confirm(engine, options.confirm_missing)
        if options.moved is not None:
            return move(engine, *options.moved)
        with begin(engine) as db:
            libraries = list_libraries(db)
    if options.json:
        bodies = [LibraryBody.from_library(one).model_dump(mode="json") for one in libraries]
        print(json.dumps({"libraries": bodies}, indent=2))
    else:
        print("\n".join(describe(one) for one in libraries) or "No library yet.")
    return DONE


def describe(library: LibraryInfo) -> str:
    """Return lines with a library's root, counts and last session."""
    figures = f"{library.photos:,} photos, {library.missing:,} missing, {library.people:,} people"
    last = library.last_session
    root = to_printable(library.root)
    lines = [root, f"  {figures}"]
    if last is not None:
        when = (last.completed_at or last.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
        lines.append(f"  session {last.id} {last.status}, {when}")
    if library.unconfirmed is not None:
        lines.append(f"  {library.unconfirmed} {describe_confirming(root)}")
    return "\n".join(lines)


def find_library(engine: Engine, root: str) -> LibraryInfo:
    """Return the library over the folder or URL that a user names; raise NotFound."""
    place = path_to_text(normalise_root(root))
    with begin(engine) as db:
        # The root may have become a link since then, so its old name is tried too.
        ids = (find_library_id(db, name) for name in (place, root.rstrip("/") or root))
        found = next((one for one in ids if one is not None), None)
        if found is None:
            raise NotFound("library over", place)
        return get_library(db, found)


def forget(engine: Engine, root: str, *, is_sure: bool) -> int:
    """Forget the missing photos of a library, after a confirmation unless `is_sure`."""
    library = find_library(engine, root)
    if not library.missing:
        print("No photo is missing.")
        return DONE
    if not (is_sure or is_confirmed(library)):
        print("Nothing was forgotten.")
        return NOT_DONE
    with begin(engine) as db:
        gone = forget_missing(db, library.id)
    print(f"Forgotten: {gone.photos:,} photos, {gone.faces:,} faces, {gone.people:,} people.")
    return DONE


def is_confirmed(library: LibraryInfo) -> bool:
    """Ask for confirmation; without a terminal, the answer is no."""
    what = f"{library.missing:,} missing photos of {to_printable(library.root)}, and their faces,"
    try:
        return input(f"Forget {what} permanently? Type yes: ").strip().lower() == "yes"
    except EOFError:
        return False


def confirm(engine: Engine, root: str) -> int:
    """Confirm that absent files are gone, and print the number of photos that became missing."""
    library = find_library(engine, root)
    with begin(engine) as db:
        known = list_known_files(db, library)
    gone = find_gone_files(library.root, known)
    with begin(engine) as db:
        missing = confirm_missing(db, library.id, gone=gone, now=datetime.now(UTC))
    print(f"Photos missing now: {missing:,}. Files there: {len(known) - len(gone):,}.")
    return DONE


def move(engine: Engine, old: str, new: str) -> int:
    """Move a library to its new root in the database, after checking a sample of its files."""
    library, place = find_library(engine, old), path_to_text(normalise_root(new))
    with begin(engine) as db:
        known = list_known_files(db, library, with_missing=True)
    check_moved(library.root, place, known)
    with begin(engine) as db:
        moved = move_library(db, library.root, place, now=datetime.now(UTC))
    old_root, new_root = to_printable(library.root), to_printable(place)
    print(f"{old_root} is now {new_root}: {moved.files:,} files. No file was read.")
    if moved.superseded:
        print(f"{moved.superseded:,} of them were already known at the new place.")
    return DONE


if __name__ == "__main__":
    sys.exit(as_command(main))

"""`python -m jobs.xmp read|write`: exchange names with other programs by XMP face regions.

`read` takes the names of faces from photos and their sidecars, as digiKam, Lightroom, PhotoPrism
and Picasa's successors write them (MWG-RS and Microsoft regions). No photo is changed, and no name
in the library is overwritten: names that contradict it are listed and kept. Photos that are not
indexed yet get their names later. `write` writes the names as sidecars into a separate folder; with
--beside-photos next to the photos, and with --into-photos into JPEGs. Exit codes: 0 done, 1 failed,
2 bad arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from cluster.core.errors import BadRoot, BadSetting, NotFound, RootUnreachable
from cluster.core.files.paths import is_url, path_to_text, text_to_path
from cluster.settings import Settings, load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.decisions.region_placing import PlacedRegions
from cluster.store.sessions.library_rows import list_libraries
from cluster.tasks.region_files import ReadFaults
from cluster.tasks.sidecar_files import Target, WriteReport
from cluster.tasks.xmp_exchange import (
    FOLDER,
    WriteOptions,
    name_folders,
    read_library,
    write_library,
)
from cluster.vision.sources.library_walk import check_root
from jobs.running.command import BAD_ARGUMENTS, FAILED, as_command, run_command
from jobs.running.plans import normalise_root
from jobs.running.runtime import open_database
from jobs.xmp_report import describe_read, describe_written, read_as_json, written_as_json

DONE = 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(
        lambda: run(load_settings(config=options.config), options),
        exit_codes={BadRoot: BAD_ARGUMENTS, RootUnreachable: FAILED},
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.xmp", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    read = commands.add_parser("read", help="take names from photos and sidecars")
    read.add_argument("--from", dest="folder", metavar="DIR", help="a folder that `write` made")
    read.add_argument("--dry-run", action="store_true", help="show what would change")
    write = commands.add_parser("write", help="write names as sidecars")
    where = write.add_mutually_exclusive_group()
    where.add_argument("--to", dest="folder", metavar="DIR", help="default: xmp in data_dir")
    where.add_argument("--beside-photos", action="store_true", help="sidecars next to the photos")
    where.add_argument("--into-photos", action="store_true", help="change the JPEGs themselves")
    write.add_argument("--replace-names", action="store_true", help="also names of other programs")
    write.add_argument("--with-hidden", action="store_true", help="also people who are hidden")
    for one in (read, write):
        one.add_argument("--root", action="append", metavar="DIR", help="default: all libraries")
        one.add_argument(
            "--pack", help="the pack of the people; default: that of the newest session"
        )
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Open the database, read or write names, print the report, and return the exit code."""
    with open_database(settings) as (_, engine):
        roots = choose_roots(engine, options.root)
        if options.command == "read":
            placed, faults = read_libraries(engine, roots, options)
            print(
                json.dumps(read_as_json(placed, faults), indent=2)
                if options.json
                else describe_read(placed, faults, is_dry=options.dry_run)
            )
        else:
            report, place = write_libraries(engine, roots, settings, options)
            print(
                json.dumps(written_as_json(report), indent=2)
                if options.json
                else describe_written(report, place)
            )
    return DONE


def choose_roots(engine: Engine, named: list[str] | None) -> list[str]:
    """Return the roots that a user names, or those of all libraries."""
    if named:
        return list(dict.fromkeys(path_to_text(normalise_root(one)) for one in named))
    with begin(engine) as db:
        return [one.root for one in list_libraries(db)]


def read_libraries(
    engine: Engine, roots: list[str], options: argparse.Namespace
) -> tuple[list[PlacedRegions], ReadFaults]:
    """Read the names below all roots and place them, in one transaction for each root."""
    faults, placed = ReadFaults(), list[PlacedRegions]()
    mirrors = find_mirrors(engine, roots, options.folder)
    for root in roots:
        check_root(root)
        placed.append(
            read_library(
                engine,
                root,
                faults,
                now=datetime.now(UTC),
                pack=options.pack,
                mirror=mirrors.get(root),
                is_dry=options.dry_run,
            )
        )
    return placed, faults


def find_mirrors(engine: Engine, roots: list[str], folder: str | None) -> dict[str, str]:
    """Return the folder of sidecars of each root within the folder that a user names."""
    if folder is None:
        return {}
    top = os.path.realpath(os.path.expanduser(folder))
    if not os.path.isdir(top):
        raise BadSetting("--from", f"there is no folder {top}.")
    return name_folders(engine, roots, top)


def write_libraries(
    engine: Engine, roots: list[str], settings: Settings, options: argparse.Namespace
) -> tuple[WriteReport, str]:
    """Write the names of all roots; return the report and the folder, "" beside or in photos."""
    report, target = WriteReport(), choose_target(options)
    top = os.path.realpath(os.path.expanduser(options.folder or settings.data_dir / FOLDER))
    folders = name_folders(engine, roots, top)
    if options.folder is not None:
        refuse_inside(top, list(folders))
    wanted = WriteOptions(target, options.replace_names, options.with_hidden)
    for root in roots:
        files = write_library(
            engine, root, report, folder=folders[root], options=wanted, pack=options.pack
        )
        if not files and options.root:
            raise NotFound("library over", root)
    return report, top if target is Target.FOLDER else ""


def choose_target(options: argparse.Namespace) -> Target:
    """Return the place that the options select for the names."""
    if options.into_photos:
        return Target.INTO
    return Target.BESIDE if options.beside_photos else Target.FOLDER


def refuse_inside(folder: str, roots: list[str]) -> None:
    """Raise BadSetting when a folder of sidecars lies among photos."""
    for root in roots:
        place = text_to_path(root)
        if not is_url(root) and os.path.commonpath([folder, place]) == place:
            raise BadSetting(
                "--to",
                f"{folder} lies in the library {root}. Name another folder, or write next to the "
                "photos with --beside-photos.",
            )


if __name__ == "__main__":
    sys.exit(as_command(main))

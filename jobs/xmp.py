"""`python -m jobs.xmp read|write`: exchange names with other programs by XMP face regions.

`read` takes the names of faces from photos and their sidecars, as digiKam, Lightroom, PhotoPrism
and Picasa's successors write them (MWG-RS and Microsoft regions). No photo is changed, and no name
that is here is overwritten: what contradicts it is listed and kept. Photos that are not indexed yet
get their names later. `write` writes the names as sidecars into a folder of their own; next to the
photos with --beside-photos, and into JPEGs with --into-photos. Exit codes: 0 done, 1 failed, 2 bad
arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from cluster.core.errors import BadRoot, BadSetting, NotFound, RootUnreachable
from cluster.core.faces import BoundingBox
from cluster.core.paths import is_url, path_to_text
from cluster.core.xmp.sidecar_names import find_stem, name_mirrors
from cluster.settings import Settings, load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.decisions.region_placing import (
    PlacedRegions,
    list_new_places,
    place_regions,
)
from cluster.store.decisions.region_rows import ReadPhoto, find_pack
from cluster.store.people.named_faces import NamedFile, list_named_files, note_rewritten
from cluster.store.sessions.library_rows import list_libraries
from cluster.tasks.region_files import LibraryReader, ReadFaults, cut_new_faces
from cluster.tasks.sidecar_files import LibraryWriter, Target, WriteReport
from cluster.vision.packs.pack_files import BUNDLED
from cluster.vision.photos.metadata_writing import Written
from cluster.vision.photos.region_crops import cut_from_thumbnail
from cluster.vision.sources.library_walk import check_root
from jobs.command import BAD_ARGUMENTS, FAILED, as_command, run_command
from jobs.plans import normalise_root
from jobs.runtime import open_database
from jobs.xmp_report import describe_read, describe_written, read_as_json, written_as_json

DONE = 0
FOLDER = "xmp"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(
        lambda: run(load_settings(config=options.config), options),
        but={BadRoot: BAD_ARGUMENTS, RootUnreachable: FAILED},
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.xmp", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    read = commands.add_parser("read", help="take names from photos and sidecars")
    read.add_argument("--from", dest="folder", metavar="DIR", help="a folder that `write` made")
    read.add_argument("--dry-run", action="store_true", help="say what would change")
    write = commands.add_parser("write", help="write names as sidecars")
    where = write.add_mutually_exclusive_group()
    where.add_argument("--to", dest="folder", metavar="DIR", help="default: xmp in data_dir")
    where.add_argument("--beside-photos", action="store_true", help="sidecars next to the photos")
    where.add_argument("--into-photos", action="store_true", help="change the JPEGs themselves")
    write.add_argument("--replace-names", action="store_true", help="also names of other programs")
    write.add_argument("--with-hidden", action="store_true", help="also people who are hidden")
    for one in (read, write):
        one.add_argument("--root", action="append", metavar="DIR", help="default: all libraries")
        one.add_argument("--pack", help="whose people; default: that of the newest session")
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Open the database, read or write, print what happened, and return the exit code."""
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
    """Read all roots and place what was read, one transaction for each; return what happened."""
    faults, placed = ReadFaults(), list[PlacedRegions]()
    mirrors = find_mirrors(engine, roots, options.folder)
    for root in roots:
        check_root(root)
        pack = options.pack or choose_pack(engine, root)
        with begin(engine) as db:
            known = {one.path: one for one in list_named_files(db, root, pack=pack)}
        reads = list(LibraryReader(root, known, mirrors.get(root), faults).read())
        placed.append(place(engine, reads, pack=pack, is_dry=options.dry_run))
    return placed, faults


def place(engine: Engine, reads: list[ReadPhoto], *, pack: str, is_dry: bool) -> PlacedRegions:
    """Place regions in one transaction, which is not committed when it is dry."""
    with begin(engine) as db:
        places = [] if is_dry else list_new_places(db, reads, pack=pack)
    crops = cut_new_faces(places)

    def cut(image_id: int, thumbnail: bytes, box: BoundingBox) -> bytes:
        known = crops.get((image_id, box))
        return cut_from_thumbnail(image_id, thumbnail, box) if known is None else known

    with begin(engine) as db:
        placed = place_regions(db, reads, pack=pack, cut=cut, now=datetime.now(UTC))
        if is_dry:
            db.rollback()
    return placed


def choose_pack(engine: Engine, root: str) -> str:
    """Return the pack of the newest session over a root, or over any."""
    with begin(engine) as db:
        return find_pack(db, root=root) or find_pack(db) or BUNDLED


def find_mirrors(engine: Engine, roots: list[str], folder: str | None) -> dict[str, str]:
    """Return the folder of sidecars of each root within the folder that a user names."""
    if folder is None:
        return {}
    top = os.path.realpath(os.path.expanduser(folder))
    if not os.path.isdir(top):
        raise BadSetting("--from", f"there is no folder {top}.")
    return {root: os.path.join(top, name) for root, name in name_all(engine, roots).items()}


def name_all(engine: Engine, roots: list[str]) -> dict[str, str]:
    """Return the names of the folders of all libraries and of these roots."""
    with begin(engine) as db:
        known = [one.root for one in list_libraries(db)]
    return name_mirrors(list(dict.fromkeys([*known, *roots])))


def write_libraries(
    engine: Engine, roots: list[str], settings: Settings, options: argparse.Namespace
) -> tuple[WriteReport, str]:
    """Write the names of all roots; return what happened, and where."""
    report, target = WriteReport(), choose_target(options)
    top = os.path.realpath(os.path.expanduser(options.folder or settings.data_dir / FOLDER))
    names = name_all(engine, roots)
    if target is Target.FOLDER:
        refuse_inside(top, list(names))
    for root in roots:
        pack = options.pack or choose_pack(engine, root)
        with begin(engine) as db:
            files = list(list_named_files(db, root, pack=pack, with_hidden=options.with_hidden))
        if not files and options.root:
            raise NotFound("library over", root)
        writer = LibraryWriter(
            root,
            target,
            os.path.join(top, names[root]),
            Counter(find_stem(one.path) for one in files),
            report,
            replaces_names=options.replace_names,
            note=lambda file, sha256, written: note(engine, file, sha256, written),
        )
        writer.write(files)
    return report, top if target is Target.FOLDER else ""


def choose_target(options: argparse.Namespace) -> Target:
    """Return where a user wants the names."""
    if options.into_photos:
        return Target.INTO
    return Target.BESIDE if options.beside_photos else Target.FOLDER


def refuse_inside(folder: str, roots: list[str]) -> None:
    """Raise BadSetting when a folder of sidecars lies among photos."""
    for root in roots:
        if not is_url(root) and os.path.commonpath([folder, root]) == root:
            raise BadSetting(
                "--to",
                f"{folder} lies in the library {root}. Name another folder, or write next to the "
                "photos with --beside-photos.",
            )


def note(engine: Engine, file: NamedFile, sha256: bytes, written: Written) -> None:
    """Note in the database that a photo has other metadata now, and the same picture."""
    with begin(engine) as db:
        note_rewritten(
            db,
            file.path,
            before=file.sha256,
            sha256=sha256,
            size=written.size,
            modified_ns=written.modified_ns,
        )


if __name__ == "__main__":
    sys.exit(as_command(main))

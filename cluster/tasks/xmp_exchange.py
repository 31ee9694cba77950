"""Reads the names of a library from XMP, and writes them to XMP, for the command and for HTTP."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from cluster.core.identity.faces import BoundingBox
from cluster.core.xmp.sidecar_names import find_stem, name_mirrors
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

FOLDER = "xmp"
"""The folder of sidecars in data_dir."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The target of names, whether they replace others, and whether hidden people are included."""

    target: Target = Target.FOLDER
    replaces_names: bool = False
    with_hidden: bool = False


def read_library(
    engine: Engine,
    root: str,
    faults: ReadFaults,
    *,
    now: datetime,
    pack: str | None = None,
    mirror: str | None = None,
    confined_to: Sequence[Path] | None = None,
    is_dry: bool = False,
) -> PlacedRegions:
    """Read the regions of all photos below a root, and place them in one transaction.

    The default pack is that of the newest session. `mirror` is the library's folder of sidecars. A
    dry run changes nothing. Regions and files that could not be read are added to `faults`. Links
    that leave `confined_to` are not followed.
    """
    pack = pack or choose_pack(engine, root)
    with begin(engine) as db:
        known = {one.path: one for one in list_named_files(db, root, pack=pack)}
    reads = list(LibraryReader(root, known, mirror, faults, confined_to).read())
    return _place(engine, reads, pack=pack, now=now, is_dry=is_dry)


def write_library(
    engine: Engine,
    root: str,
    report: WriteReport,
    *,
    folder: str,
    options: WriteOptions,
    pack: str | None = None,
) -> int:
    """Write the names of a library, and return how many photo files it has.

    `folder` is the library's folder of sidecars. The results are added to `report`.
    """
    pack = pack or choose_pack(engine, root)
    with begin(engine) as db:
        files = list(list_named_files(db, root, pack=pack, with_hidden=options.with_hidden))
    LibraryWriter(
        root,
        options.target,
        folder,
        Counter(find_stem(one.path) for one in files),
        report,
        replaces_names=options.replaces_names,
        note=partial(_note, engine),
    ).write(files)
    return len(files)


def choose_pack(engine: Engine, root: str) -> str:
    """Return the pack of the newest session over a root, or else over any root."""
    with begin(engine) as db:
        return find_pack(db, root=root) or find_pack(db) or BUNDLED


def name_folders(engine: Engine, roots: Sequence[str], top: str) -> dict[str, str]:
    """Return the folder of sidecars below `top` of each library, and of these roots."""
    with begin(engine) as db:
        known = [one.root for one in list_libraries(db)]
    names = name_mirrors(list(dict.fromkeys([*known, *roots])))
    return {root: os.path.join(top, name) for root, name in names.items()}


def _place(
    engine: Engine, reads: list[ReadPhoto], *, pack: str, now: datetime, is_dry: bool
) -> PlacedRegions:
    with begin(engine) as db:
        places = [] if is_dry else list_new_places(db, reads, pack=pack)
    crops = cut_new_faces(places)

    def cut(image_id: int, thumbnail: bytes, box: BoundingBox) -> bytes:
        known = crops.get((image_id, box))
        return cut_from_thumbnail(image_id, thumbnail, box) if known is None else known

    with begin(engine) as db:
        placed = place_regions(db, reads, pack=pack, cut=cut, now=now)
        if is_dry:
            db.rollback()
    return placed


def _note(engine: Engine, file: NamedFile, sha256: bytes, written: Written) -> None:
    """Record in the database that a photo has new metadata and an unchanged picture."""
    with begin(engine) as db:
        note_rewritten(
            db,
            file.path,
            before=file.sha256,
            sha256=sha256,
            size=written.size,
            modified_ns=written.modified_ns,
        )

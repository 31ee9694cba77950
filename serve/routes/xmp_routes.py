"""Routes that read the names in a library's XMP, and write names as sidecars into data_dir."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from cluster.core.errors import NotFound, RootEmpty, RootNotFound, RootUnreachable
from cluster.core.files.paths import is_url, text_to_path
from cluster.store.database.engine import begin
from cluster.store.sessions.library_rows import get_library
from cluster.tasks.region_files import ReadFaults
from cluster.tasks.sidecar_files import WriteReport
from cluster.tasks.xmp_exchange import (
    FOLDER,
    WriteOptions,
    name_folders,
    read_library,
    write_library,
)
from cluster.vision.sources.library_walk import check_root
from serve.bodies.xmp_bodies import NamesReadBody, NamesWrittenBody
from serve.documented_errors import changes
from serve.parts import AppParts, Id, Parts

router = APIRouter(prefix="/libraries", tags=["libraries"])


@router.post(
    "/{library_id}/read-names",
    responses=changes(NotFound, RootNotFound, RootEmpty, RootUnreachable),
)
def read_names(library_id: Id, parts: Parts) -> NamesReadBody:
    """Take the names of faces from the XMP of a library's photos and sidecars.

    No photo is changed, and no name in the library is overwritten: names that contradict it are
    listed and not applied. Reading again changes nothing.
    """
    root, faults = _find_root(parts, library_id), ReadFaults()
    confined = None if is_url(root) else [Path(text_to_path(root))]
    check_root(root, confined_to=confined)
    placed = read_library(parts.engine, root, faults, now=parts.now(), confined_to=confined)
    return NamesReadBody.from_placed(placed, faults)


@router.post("/{library_id}/write-names", responses=changes(NotFound))
def write_names(library_id: Id, parts: Parts) -> NamesWrittenBody:
    """Write the names of a library as XMP sidecars into a folder of data_dir."""
    root, report = _find_root(parts, library_id), WriteReport()
    if parts.data_dir is None:
        raise NotFound("folder of this server", "for sidecars")
    folder = name_folders(parts.engine, [root], str(parts.data_dir / FOLDER))[root]
    write_library(parts.engine, root, report, folder=folder, options=WriteOptions())
    return NamesWrittenBody.from_report(report, folder)


def _find_root(parts: AppParts, library_id: int) -> str:
    with begin(parts.engine) as db:
        return get_library(db, library_id).root

"""Repairs the derived data that a check found damaged, and reports each repair."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from cluster.core.damage import Damage, DamageKind, Report
from cluster.core.errors import UnreadableImage
from cluster.settings import Settings
from cluster.store.checking.repairs import (
    PictureSource,
    list_picture_sources,
    mend_rows,
    replace_picture,
)
from cluster.store.checking.stored_files import list_unfinished
from cluster.store.database.engine import Engine, begin
from cluster.vision.relations.remade_frames import remake_film_picture
from cluster.vision.relations.remade_pictures import remake_picture
from jobs.library_check import list_decoded_left

PICTURES = (DamageKind.THUMBNAIL, DamageKind.CROP)


def repair_library(engine: Engine, settings: Settings, report: Report) -> Iterator[str]:
    """Repair the derived data of a report; yield a line about each kind of damage after it.

    Indexes come first, because the other repairs use them.
    """
    derived = [one for one in report.damage if one.explanation.is_derived]
    for damage in sorted(derived, key=lambda one: one.kind is not DamageKind.INDEX):
        yield _describe(damage, _repair(engine, settings, damage))


def _repair(engine: Engine, settings: Settings, damage: Damage) -> int:
    if damage.kind in PICTURES:
        return _remake_pictures(engine, damage)
    if damage.kind is DamageKind.DECODED_LEFT:
        return _remove_decoded(engine, settings)
    return mend_rows(engine, damage)


def _remake_pictures(engine: Engine, damage: Damage) -> int:
    """Make pictures again from the photos, unless the photo is gone or has changed."""
    with begin(engine) as db:
        sources = list_picture_sources(db, damage)
    done: set[int] = set()
    for source in sources:
        if source.id not in done and (picture := _remake(source)) is not None:
            replace_picture(engine, damage.kind, source.id, picture)
            done.add(source.id)
    return len(done)


def _remake(source: PictureSource) -> bytes | None:
    path, sha256, box = source.path, source.sha256, source.box
    try:
        if source.is_film:
            return remake_film_picture(path, sha256=sha256, box=box, time_s=source.time_s)
        return remake_picture(path, sha256=sha256, box=box)
    except UnreadableImage:
        return None


def _remove_decoded(engine: Engine, settings: Settings) -> int:
    with begin(engine) as db:
        left = list_decoded_left(settings.data_dir, unfinished=list_unfinished(db))
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return sum(not folder.exists() for folder in left)


def _describe(damage: Damage, repaired: int) -> str:
    line = f"repaired {repaired:,} of {damage.count:,}: {damage.explanation.says}"
    if repaired >= damage.count:
        return line
    return f"{line}. {_REST.get(damage.kind, 'The rest could not be repaired.')}"


_REST = {
    DamageKind.COUNTS: "Running sessions were not changed.",
    DamageKind.VECTOR: "The next session searches the photos of the other faces again.",
    DamageKind.THUMBNAIL: "The files of the others are gone or have changed.",
    DamageKind.CROP: "The files of the others are gone or have changed.",
    DamageKind.NAME_KEY: "Another person has the name of the others.",
    DamageKind.PATH_DIGEST: "Another file has the path of the others.",
}

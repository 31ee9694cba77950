"""Checks a library for damage: in the database, on the disk, and in the backups."""

from __future__ import annotations

import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.core.damage import EXAMPLES, Damage, DamageKind, Report, merge_damage
from cluster.core.errors import RootUnreachable
from cluster.core.files.paths import is_url, text_to_path
from cluster.core.printable import to_printable
from cluster.settings import Settings, backup_policy
from cluster.store.checking.index_damage import find_index_damage
from cluster.store.checking.row_damage import find_row_damage
from cluster.store.checking.session_damage import find_session_damage
from cluster.store.checking.snapshot import open_snapshot
from cluster.store.checking.stored_files import (
    FilePlace,
    count_rows,
    list_places,
    list_roots,
    list_unfinished,
    sample_crops,
    sample_thumbnails,
)
from cluster.store.database.engine import Db, Engine
from cluster.store.sessions.library_rows import path_prefix
from cluster.vision.relations.remade_pictures import find_broken
from cluster.vision.sources.library_walk import ask_storage

SAMPLE = 500
"""The number of thumbnails, and of crops, that are decoded."""

TIME_LIMITS_S = {"sessions": 15.0, "indexes": 15.0, "files": 20.0, "backups": 10.0}
"""The time limit of each part of the check. A part that reaches its limit stops, and the rest of it
is reported as not examined. The other queries have no limit. A check of 100,000 photos takes less
than a minute (bench/check.py)."""

_BACKUP = re.compile(r"headcount-\d{8}T\d{6}Z.*\.zip")
_DECODED = re.compile(r"session-(\d+)")

Clock = Callable[[], float]


class Limit:
    """The time limit of a part of the check."""

    def __init__(self, part: str, *, factor: float, clock: Clock = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + factor * TIME_LIMITS_S[part]

    def is_over(self) -> bool:
        """The part has reached its time limit."""
        return self._clock() > self._end


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one part of a check; `examined` are pairs of a noun and its count."""

    damage: tuple[Damage, ...] = ()
    notes: tuple[str, ...] = ()
    examined: tuple[tuple[str, int], ...] = ()


def check_library(engine: Engine, settings: Settings, *, limit_factor: float = 1.0) -> Report:
    """Return the damage. The database is read in one read-only transaction.

    `limit_factor` multiplies TIME_LIMITS_S. Raises DatabaseUnavailable, or DatabaseUnusable if the
    tables are not those of this version.
    """
    parts: list[Found] = []
    with open_snapshot(engine) as db:
        parts.append(_count(db))
        rows = tuple(find_row_damage(db))
        parts.append(Found(rows))
        parts.append(_check_sessions(db, Limit("sessions", factor=limit_factor)))
        parts.append(_check_indexes(db, Limit("indexes", factor=limit_factor)))
        parts.append(_check_pictures(db, rows))
        parts.append(_check_decoded(db, settings.data_dir))
        parts.append(_check_files(db, Limit("files", factor=limit_factor)))
    parts.append(
        check_backups(backup_policy(settings).folder, Limit("backups", factor=limit_factor))
    )
    return Report(
        merge_damage(one for part in parts for one in part.damage),
        tuple(note for part in parts for note in part.notes),
        tuple(number for part in parts for number in part.examined),
    )


def _count(db: Db) -> Found:
    numbers = dict(count_rows(db))
    kept = numbers.pop("decisions kept for later")
    notes = (f"{kept:,} imported decisions wait for their photo or face.",) if kept else ()
    return Found(notes=notes, examined=tuple(numbers.items()))


def _check_sessions(db: Db, limit: Limit) -> Found:
    checked = find_session_damage(db, is_time_over=limit.is_over)
    notes = (f"{checked.left:,} older sessions were not examined.",) if checked.left else ()
    return Found(checked.damage, notes, (("sessions", checked.examined),))


def _check_indexes(db: Db, limit: Limit) -> Found:
    checked = find_index_damage(db, is_time_over=limit.is_over)
    notes: list[str] = []
    if checked.left:
        notes.append(f"{checked.left:,} indexes were not examined.")
    if not checked.has_amcheck:
        notes.append("Of indexes, only the row counts were compared: this database has no amcheck.")
    return Found(checked.damage, tuple(notes), (("indexes", checked.examined),))


def _check_pictures(db: Db, rows: Sequence[Damage]) -> Found:
    """Decode a sample of the pictures; those that `rows` lists as damaged are left out."""
    samples = (
        (DamageKind.THUMBNAIL, sample_thumbnails(db, limit=SAMPLE), "photo"),
        (DamageKind.CROP, sample_crops(db, limit=SAMPLE), "face"),
    )
    damage: list[Damage] = []
    for kind, pictures, word in samples:
        cut = {key for one in rows if one.kind is kind for key in one.keys}
        broken = [key for key in find_broken(pictures) if key not in cut]
        words = tuple(f"{word} {key}" for key in broken[:EXAMPLES])
        damage.append(Damage(kind, len(broken), words, tuple(broken)))
    decoded = sum(len(pictures) for _, pictures, _ in samples)
    return Found(tuple(damage), examined=(("pictures decoded", decoded),))


def _check_decoded(db: Db, data_dir: Path) -> Found:
    left = list_decoded_left(data_dir, unfinished=list_unfinished(db))
    words = tuple(folder.name for folder in left[:EXAMPLES])
    return Found((Damage(DamageKind.DECODED_LEFT, len(left), words),))


def list_decoded_left(data_dir: Path, *, unfinished: set[int]) -> list[Path]:
    """Return the folders of decoded photos that belong to no unfinished session."""
    folder = data_dir / "decoded"
    if not folder.is_dir():
        return []
    numbered = ((_DECODED.fullmatch(path.name), path) for path in sorted(folder.iterdir()))
    return [path for found, path in numbered if found and int(found[1]) not in unfinished]


def _check_files(db: Db, limit: Limit) -> Found:
    """Look for the local files where the last session found them; no file is opened."""
    roots = [root for root in list_roots(db) if not is_url(root)]
    away = [root for root in roots if not _is_folder_there(root)]
    prefixes = tuple(path_prefix(root) for root in away)
    notes = [
        f"{to_printable(root)} is not there, or does not answer: its files were not looked for."
        for root in away
    ]
    gone: list[str] = []
    looked = changed = 0
    is_whole = True
    for page in list_places(db):
        if limit.is_over():
            is_whole = False
            break
        places = [one for one in page if not (is_url(one.path) or one.path.startswith(prefixes))]
        lost, other = _look(places)
        looked += len(places)
        gone += lost
        changed += other
    if changed:
        notes.append(f"{changed:,} files have changed since a session read them.")
    if not is_whole:
        notes.append(
            f"Because of the time limit, only {looked:,} files, a fair sample, were looked for."
        )
    damage = Damage(DamageKind.FILE_GONE, len(gone), tuple(to_printable(one) for one in gone))
    return Found((damage,), tuple(notes), (("files looked for", looked),))


def _is_folder_there(root: str) -> bool:
    try:
        return ask_storage(root, lambda: os.path.isdir(text_to_path(root)))
    except RootUnreachable:
        return False


def _look(places: Sequence[FilePlace]) -> tuple[list[str], int]:
    """Return the paths that are gone, and how many files have another size or time."""
    gone: list[str] = []
    changed = 0
    for one in places:
        try:
            status = os.stat(text_to_path(one.path))
        except (FileNotFoundError, NotADirectoryError):
            gone.append(one.path)
        except OSError:
            continue  # A file that is not accessible need not be gone.
        else:
            changed += (status.st_size, status.st_mtime_ns) != (one.size, one.modified_ns)
    return gone, changed


def check_backups(folder: Path, limit: Limit) -> Found:
    """Read the backups in a folder, the newest first; the folder need not exist."""
    files = sorted(_list_backups(folder), reverse=True)
    read, bad = 0, list[str]()
    for file in files:
        if read and limit.is_over():
            break
        read += 1
        if not _is_whole_archive(file):
            bad.append(file.name)
    notes = [] if files else ["There is no backup yet."]
    if read < len(files):
        notes.append(f"{len(files) - read:,} older backups were not read.")
    damage = Damage(DamageKind.BACKUP, len(bad), tuple(bad))
    return Found((damage,), tuple(notes), (("backups", read),))


def _list_backups(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if _BACKUP.fullmatch(path.name))


def _is_whole_archive(file: Path) -> bool:
    """Tell whether every member of a zip file matches its checksum."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None and bool(archive.namelist())
    except (OSError, zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError):
        return False

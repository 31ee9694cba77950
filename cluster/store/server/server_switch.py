"""Switches the embedded server to a data directory that was carried over from another version.

The new directory stays below `next` until it was compared with the old one, which a record beside
it confirms. Then two renames put it in the place of the old one, which is kept under another name.
A process that is killed between the renames leaves no data directory; the next start finds the
record and completes the switch. The caller holds the start lock.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from cluster.core.errors import DatabaseUnusable
from cluster.store.server.server_files import ServerFiles, open_own

KEPT = "data.postgresql-"
"""The prefix of the names of kept directories; the major version follows."""

_REMOVED = "data.removed-"


def next_home(files: ServerFiles) -> Path:
    """Return the home of the new server while it is filled."""
    return files.home / "next" / "postgres"


def previous_home(files: ServerFiles) -> Path:
    """Return the home of the old server while it is read, where the data directory is a link."""
    return files.home / "previous" / "postgres"


def _record(files: ServerFiles) -> Path:
    """Return the path of the record that the directory below `next` equals the old one."""
    return files.home / "next" / "compared"


def switch(files: ServerFiles, *, major: int) -> Path:
    """Replace the old directory with the one below `next`; return where the old one is kept.

    Both servers must be down, and the two directories compared.
    """
    os.close(open_own(_record(files), os.O_WRONLY))
    sync_folder(_record(files).parent)
    kept = _choose_name(files, major)
    files.data.rename(kept)
    sync_folder(files.home)
    complete_switch(files)
    return kept


def complete_switch(files: ServerFiles) -> None:
    """Complete a switch that was interrupted at or after its first rename; else do nothing."""
    fresh = next_home(files) / "data"
    if not _record(files).exists() or files.data.exists() == fresh.exists():
        return
    if fresh.exists():
        fresh.rename(files.data)
        sync_folder(files.home)
    clear(files)


def clear(files: ServerFiles) -> None:
    """Remove the leftovers of carrying over, including a new directory without a switch to it."""
    _record(files).unlink(missing_ok=True)
    for place in (files.home / "next", files.home / "previous"):
        shutil.rmtree(place, ignore_errors=True)  # Removes the link, not the old directory.


def refuse_to_start_anew(files: ServerFiles) -> None:
    """Raise DatabaseUnusable if there is no data directory, but a kept one."""
    kept = list_kept(files)
    if kept:
        raise DatabaseUnusable(
            f"{files.data} is not there, but {kept[-1]}, which an upgrade kept, is. Rename that to "
            f"{files.data.name}, or move it away to start with an empty library."
        )


def list_kept(files: ServerFiles) -> list[Path]:
    """Return the directories of earlier versions that were kept, the newest last."""
    if not files.home.is_dir():
        return []
    return sorted(files.home.glob(f"{KEPT}*"), key=lambda path: path.stat().st_ctime_ns)


def remove_kept(files: ServerFiles) -> int:
    """Remove the kept directories and the rests of interrupted removals; return how many."""
    kept = list_kept(files)
    for folder in kept:
        folder.rename(files.home / f"{_REMOVED}{secrets.token_hex(4)}")
    for folder in files.home.glob(f"{_REMOVED}*"):
        shutil.rmtree(folder)
    return len(kept)


def _choose_name(files: ServerFiles, major: int) -> Path:
    plain = files.home / f"{KEPT}{major}"
    return plain if not plain.exists() else files.home / f"{plain.name}-{secrets.token_hex(4)}"


def sync_folder(folder: Path) -> None:
    """Sync a folder to disk, so that its new names survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

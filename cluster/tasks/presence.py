"""Checks which known files are gone or have moved, without reading a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from cluster.core.errors import BadRoot, RootEmpty, RootNotFound
from cluster.core.files.paths import is_url, text_to_path
from cluster.store.sessions.library_rows import KnownFile, path_prefix
from cluster.vision.sources.library_walk import ask_storage, check_root, find_gone
from cluster.vision.sources.storage import is_there

ASKED_AT_ONCE = 10_000
SAMPLE = 200
SAMPLE_OF_URL = 20


def find_gone_files(root: str, known: Sequence[KnownFile]) -> list[int]:
    """Return the ids of the known files below `root` that are gone.

    On a disk, each file is checked. In a store, the files that the last session did not find are
    gone, or all files if the store is empty. Raises RootUnreachable, or RootNotFound if the store
    cannot be listed.
    """
    if is_url(root):
        is_empty = _is_store_empty(root)
        return [one.id for one in known if is_empty or not one.is_met]
    gone: set[str] = set()
    for first in range(0, len(known), ASKED_AT_ONCE):
        paths = [one.path for one in known[first : first + ASKED_AT_ONCE]]
        gone |= set(ask_storage(root, partial(find_gone, paths)))
    return [one.id for one in known if one.path in gone]


def _is_store_empty(root: str) -> bool:
    try:
        check_root(root)
    except RootEmpty:
        return True
    except RootNotFound:
        if _is_store_there(root):
            raise  # The store is there, but cannot be listed.
        return True
    return False


def _is_store_there(root: str) -> bool:
    try:
        return bool(ask_storage(root, partial(is_there, root)))
    except (OSError, ValueError, ImportError) as error:
        raise RootNotFound(root, f"it cannot be listed: {error}.") from error


def check_moved(old: str, new: str, known: Sequence[KnownFile]) -> None:
    """Raise BadRoot unless at least half of the files below `old` are now below `new`.

    A sample from the whole library is looked for, by name and size.
    """
    prefixes = path_prefix(old), path_prefix(new)
    if prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0]):
        raise BadRoot(new, f"a library cannot move into itself or to its own place ({old}).")
    check_root(new)
    most = SAMPLE_OF_URL if is_url(new) else SAMPLE
    plain = [one for one in known if one.path.startswith(prefixes[0])]
    sample = plain[:: max(1, len(plain) // most)]
    moved = [(prefixes[1] + one.path[len(prefixes[0]) :], one.size) for one in sample]
    look = _is_file_in_store if is_url(new) else _is_file_on_disk
    found = ask_storage(new, lambda: sum(look(path, size) for path, size in moved))
    if 2 * found < len(moved) or not moved:
        raise BadRoot(
            new,
            f"of {len(moved):,} known photos of {old} in the sample, {found:,} are there. "
            "Give the folder that holds the same photos under the same names.",
        )


def _is_file_on_disk(path: str, size: int | None) -> bool:
    try:
        found = os.stat(text_to_path(path)).st_size
    except OSError:
        return False
    return size is None or size == found


def _is_file_in_store(url: str, size: int | None) -> bool:
    """Tell whether a store has this URL. The size is ignored, because not all stores report it."""
    return _is_store_there(url)

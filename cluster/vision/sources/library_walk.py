"""Walks a photo library, a folder or an fsspec URL, and yields its photos.

The memory of the walk grows with the number of folders, not with the number of photos. The kind of
a file follows from its name or, if the suffix is unknown or missing, from its first bytes.
Everything that is passed over is counted by its kind (cluster/core/files/passed_over.py): hidden
files and folders, folders that programs keep for themselves, files of other kinds, and the kernel's
file systems (/proc, /sys, /dev), where reading may block forever or have side effects. Symbolic
links are followed, except those that leave `confined_to` and those to a place that the walk reaches
anyway. Each folder is entered once. In a store behind a URL, only entries below the root are taken
(cluster/vision/sources/storage.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from cluster.core.errors import RootEmpty, RootNotAllowed, RootNotFound, RootUnreachable
from cluster.core.files.listings import find_etag, find_modified_ns, find_size
from cluster.core.files.passed_over import PassedOver, describe_passed_over
from cluster.core.files.paths import is_url, text_to_path
from cluster.core.files.suffixes import READ_SUFFIXES
from cluster.core.pictures.photos import FoundPhoto
from cluster.vision.sources.deadlines import TimeOver, wait_for
from cluster.vision.sources.folder_walk import FolderWalk, is_inside, resolve_folders
from cluster.vision.sources.storage import is_there, walk_url

Answer = TypeVar("Answer")

ROOT_TIMEOUT_S = 30.0
"""Seconds to wait for a storage, enough for a sleeping disk to spin up."""


def walk_photos(
    root: str,
    *,
    confined_to: Sequence[Path] | None = None,
    on_entry: Callable[[], None] = lambda: None,
    passed_over: PassedOver | None = None,
    takes_films: bool = True,
) -> Iterator[FoundPhoto]:
    """Yield every photo and film below `root` once, in no particular order.

    `confined_to` lists the folders that links may not leave; None follows them anywhere. A folder
    that cannot be listed is passed over, as is a root that is missing. `on_entry` is called for
    each entry, photo or not, and `passed_over` counts the entries that are not taken, including
    films if `takes_films` is false. Raises RootNotAllowed if the root itself has become a link that
    leads out of `confined_to`.
    """
    noted = PassedOver() if passed_over is None else passed_over
    if is_url(root):
        yield from _walk_url(root, on_entry, noted, takes_films=takes_films)
    else:
        top, allowed = os.path.abspath(root), resolve_folders(confined_to)
        _refuse_outside(top, allowed)
        yield from FolderWalk(top, allowed, on_entry, noted, takes_films).walk()


def _walk_url(
    root: str, on_entry: Callable[[], None], passed_over: PassedOver, *, takes_films: bool
) -> Iterator[FoundPhoto]:
    found = walk_url(root, on_entry=on_entry, passed_over=passed_over, takes_films=takes_films)
    for url, info in found:
        yield FoundPhoto(url, find_size(info), find_modified_ns(info), find_etag(info))


def _refuse_outside(top: str, allowed: list[str] | None) -> None:
    if not is_inside(top, allowed):
        raise RootNotAllowed(
            top,
            "it, or a folder above it, has become a link that leads out of the folders that may be "
            "indexed over HTTP. Put the folder back, or add its new place to allowed_roots and "
            "start a new session over it.",
        )


def check_root(
    root: str,
    *,
    confined_to: Sequence[Path] | None = None,
    takes_films: bool = True,
    timeout_s: float = ROOT_TIMEOUT_S,
) -> None:
    """Check that `root` holds a photo or film.

    Raises RootNotFound, RootEmpty or RootUnreachable, and RootNotAllowed if `root` has become a
    link that leads out of `confined_to`.

    A URL that exists passes even if listing it takes longer than `timeout_s`, because an object
    store lists a whole folder before it returns the first file.
    """
    ask_storage(root, partial(_check_folder, root, confined_to), timeout_s=timeout_s)
    try:
        look = partial(_check_photos, root, confined_to, takes_films=takes_films)
        ask_storage(root, look, timeout_s=timeout_s)
    except RootUnreachable:
        if not is_url(root):
            raise


def ask_storage(
    root: str, question: Callable[[], Answer], *, timeout_s: float = ROOT_TIMEOUT_S
) -> Answer:
    """Return the result of a call about `root`. Raises RootUnreachable if it takes too long."""
    try:
        return wait_for(timeout_s, question)
    except TimeOver:
        raise RootUnreachable(root, timeout_s) from None


def find_gone(paths: Sequence[str]) -> list[str]:
    """Return the local paths at which nothing exists any more.

    A path without permission, or on a failing disk, does not count as gone.
    """
    return [path for path in paths if _is_gone(text_to_path(path))]


def _is_gone(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _check_photos(root: str, confined_to: Sequence[Path] | None, *, takes_films: bool) -> None:
    passed_over = PassedOver()
    try:
        photos = walk_photos(
            root, confined_to=confined_to, passed_over=passed_over, takes_films=takes_films
        )
        first = next(iter(photos), None)
    except (OSError, ValueError, ImportError) as error:
        raise RootNotFound(root, f"it cannot be listed: {error}.") from error
    if first is None:
        raise RootEmpty(root, _say_empty(passed_over))


def _say_empty(passed_over: PassedOver) -> str:
    kinds = ", ".join(sorted(suffix[1:] for suffix in READ_SUFFIXES))
    said = f"there is no photo in this folder or below it ({kinds}, and raw photos of cameras)"
    found = describe_passed_over(passed_over.counts)
    was = "was" if passed_over.counts.total() == 1 else "were"
    return f"{said}; {found} {was} passed over." if found else f"{said}."


def _check_folder(root: str, confined_to: Sequence[Path] | None) -> None:
    if is_url(root):
        return _check_url(root)
    if "\0" not in root:  # First, so that no error reveals places that are not allowed.
        _refuse_outside(os.path.abspath(root), resolve_folders(confined_to))
    if "\0" in root or not os.path.exists(root):
        raise RootNotFound(root.replace("\0", "\\0"), "there is no such folder.")
    if not os.path.isdir(root):
        raise RootNotFound(root, "this is a file; name the folder that holds the photos.")
    if not os.access(root, os.R_OK | os.X_OK):
        raise RootNotFound(root, "this folder may not be read by the user that runs Headcount.")


def _check_url(root: str) -> None:
    try:
        if is_there(root):
            return
    except (OSError, ValueError, ImportError) as error:
        raise RootNotFound(root, f"it cannot be listed: {error}.") from error
    raise RootNotFound(root, "there is no such folder.")

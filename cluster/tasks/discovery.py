"""Walking a photo library: any folder or fsspec URL in, a stream of photos out.

Discovery streams: its memory grows with the number of folders, not with that of photos. Files are
told by their names; one without an extension is asked for its first bytes. Hidden files and folders
(a leading dot, `@eaDir`) are left out, as are files of other kinds, and the kernel's own file
systems (/proc, /sys, /dev), where reading may wait for ever or do something. Symbolic links are
followed, each folder is entered once, and a link that leaves `confined_to` is not followed. What a
store behind a URL names is left out unless it lies below the root (cluster/vision/storage.py).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from cluster.core.errors import RootEmpty, RootNotAllowed, RootNotFound, RootUnreachable
from cluster.core.paths import is_url, path_to_text
from cluster.core.photos import FoundPhoto
from cluster.vision.deadlines import TimeOver, wait_for
from cluster.vision.storage import is_there, walk_url

Answer = TypeVar("Answer")

_JPEG = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}
_HEIF = {".heic", ".heif", ".hif", ".avif"}
READ_SUFFIXES = frozenset(
    {*_JPEG, *_HEIF, ".png", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif"}
)
"""The formats that Headcount reads."""

_JPEG_2000 = {".jp2", ".j2k", ".jpx"}
_NETPBM = {".ppm", ".pgm", ".pbm", ".pnm"}
_RARE = {".jxl", ".psd", ".ico", ".pcx", ".tga", ".fli", ".flc", ".exr", ".hdr"}
REFUSED_SUFFIXES = frozenset({*_JPEG_2000, *_NETPBM, *_RARE})
"""Pictures of other formats: they become failed items that say so, and are not passed over."""

PHOTO_SUFFIXES = READ_SUFFIXES | REFUSED_SUFFIXES
_SKIPPED_FOLDERS = frozenset({"@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX"})
_KERNELS_OWN = ("/proc", "/sys", "/dev")
ROOT_TIMEOUT_S = 30.0
"""Time for a disk that sleeps to start turning."""

_MAX_INT64 = 2**63 - 1
"""What the database holds; a file's time, and what a server says of its size, may be beyond it."""

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")


def walk_photos(
    root: str,
    *,
    confined_to: Sequence[Path] | None = None,
    on_entry: Callable[[], None] = lambda: None,
) -> Iterator[FoundPhoto]:
    """Yield every photo below `root` once, in no particular order.

    `confined_to` lists the folders that links may not leave; None follows them anywhere. A folder
    that cannot be listed is passed over; a root that is missing yields nothing. `on_entry` is
    called for everything that is met, photo or not. Raises RootNotAllowed when the root itself has
    become a link that leads out of `confined_to`.
    """
    if is_url(root):
        yield from _walk_url(root, on_entry)
    else:
        top, allowed = os.path.abspath(root), _resolve_folders(confined_to)
        _refuse_outside(top, allowed)
        yield from _walk_folder(top, allowed, on_entry)


def _resolve_folders(folders: Sequence[Path] | None) -> list[str] | None:
    return None if folders is None else [os.path.realpath(folder) for folder in folders]


def _refuse_outside(top: str, allowed: list[str] | None) -> None:
    if not _is_inside(top, allowed):
        raise RootNotAllowed(
            top,
            "it, or a folder above it, has become a link that leads out of the folders that may be "
            "indexed over HTTP. Put the folder back, or let allowed_roots list the place where it "
            "is now, and start a new session over that.",
        )


def check_root(
    root: str, *, confined_to: Sequence[Path] | None = None, timeout_s: float = ROOT_TIMEOUT_S
) -> None:
    """Raise RootNotFound, RootEmpty or RootUnreachable unless `root` holds at least one photo, and
    RootNotAllowed when it has become a link that leads out of `confined_to`.

    An object store lists a folder whole before it names one file: a URL that is there, and takes
    longer than `timeout_s` to say what it holds, passes.
    """
    ask_storage(root, partial(_check_folder, root, confined_to), timeout_s=timeout_s)
    try:
        ask_storage(root, partial(_check_photos, root, confined_to), timeout_s=timeout_s)
    except RootUnreachable:
        if not is_url(root):
            raise


def ask_storage(
    root: str, question: Callable[[], Answer], *, timeout_s: float = ROOT_TIMEOUT_S
) -> Answer:
    """Return the answer to a question about `root`. Raises RootUnreachable when none comes."""
    try:
        return wait_for(timeout_s, question)
    except TimeOver:
        raise RootUnreachable(root, timeout_s) from None


def _check_photos(root: str, confined_to: Sequence[Path] | None) -> None:
    try:
        first = next(iter(walk_photos(root, confined_to=confined_to)), None)
    except (OSError, ValueError, ImportError) as error:
        raise RootNotFound(root, f"it cannot be listed: {error}.") from error
    if first is None:
        kinds = ", ".join(sorted(suffix[1:] for suffix in READ_SUFFIXES))
        raise RootEmpty(root, f"there is no photo in this folder or below it ({kinds}).")


def _check_folder(root: str, confined_to: Sequence[Path] | None) -> None:
    if is_url(root):
        return _check_url(root)
    if "\0" not in root:  # Whether it exists is not told of a place that is not allowed.
        _refuse_outside(os.path.abspath(root), _resolve_folders(confined_to))
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


def _walk_folder(
    top: str, allowed: list[str] | None, on_entry: Callable[[], None]
) -> Iterator[FoundPhoto]:
    waiting, entered, left_out = [top], set[tuple[int, int]](), _find_kernels_own()
    while waiting:
        folder = waiting.pop()
        if not _is_inside(folder, allowed):  # It has become a link since it was met.
            continue
        for entry in _list_folder(folder, entered, left_out):
            on_entry()
            if _is_hidden(entry.name) or not _may_follow(entry, allowed):
                continue
            if _is_folder(entry):
                waiting.append(entry.path)
            elif (found := _find_photo(entry)) is not None:
                yield found


def _find_kernels_own() -> frozenset[int]:
    """Return the devices of file systems whose files are no files; folders of a disk are none."""
    devices = {os.stat(path).st_dev for path in _KERNELS_OWN if os.path.isdir(path)}
    return frozenset(devices - {os.stat("/").st_dev})


def _list_folder(
    folder: str, entered: set[tuple[int, int]], left_out: frozenset[int]
) -> Iterator[os.DirEntry[str]]:
    try:
        stat = os.stat(folder)
        if (stat.st_dev, stat.st_ino) in entered or stat.st_dev in left_out:
            return
        entered.add((stat.st_dev, stat.st_ino))
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED_FOLDERS


def _may_follow(entry: os.DirEntry[str], allowed: list[str] | None) -> bool:
    return allowed is None or not entry.is_symlink() or _is_inside(entry.path, allowed)


def _is_inside(path: str, allowed: list[str] | None) -> bool:
    if allowed is None:
        return True
    target = os.path.realpath(path)
    return any(os.path.commonpath([target, root]) == root for root in allowed)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _find_photo(entry: os.DirEntry[str]) -> FoundPhoto | None:
    try:
        # A broken link or a socket is no photo; a file that may not be read is one that failed.
        if not entry.is_file() or not _looks_like_photo(entry.name, entry.path):
            return None
        stat = entry.stat()
    except OSError:
        return None
    return FoundPhoto(path_to_text(entry.path), stat.st_size, _to_int64(stat.st_mtime_ns))


def _looks_like_photo(name: str, path: str) -> bool:
    suffix = os.path.splitext(name)[1].lower()
    if suffix:
        return suffix in PHOTO_SUFFIXES
    try:
        with open(path, "rb") as file:
            return _has_photo_magic(file.read(16))
    except OSError:
        return False


def _has_photo_magic(head: bytes) -> bool:
    if head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    return head[4:8] == b"ftyp" and head[8:12] in {b"heic", b"heix", b"mif1", b"avif", b"msf1"}


def _walk_url(root: str, on_entry: Callable[[], None]) -> Iterator[FoundPhoto]:
    for url, info in walk_url(root, is_hidden=_is_hidden, on_entry=on_entry):
        if PurePosixPath(str(info["name"])).suffix.lower() in PHOTO_SUFFIXES:
            yield FoundPhoto(url, _to_int64(info.get("size") or 0), _modified_ns(info))


def _to_int64(number: float) -> int:
    """Return the nearest number that the database holds; 0 for what is none."""
    if isinstance(number, float) and not math.isfinite(number):
        return 0
    return max(-_MAX_INT64, min(int(number), _MAX_INT64))


def _modified_ns(info: Mapping[str, Any]) -> int:
    """Return the time of a remote object in nanoseconds; 0 when the store does not tell one."""
    for key in ("LastModified", "mtime", "updated", "last_modified", "created"):
        value: Any = info.get(key)
        if hasattr(value, "timestamp"):
            return _to_int64(value.timestamp() * 1_000_000_000)
        if isinstance(value, int | float):
            return _to_int64(value * 1_000_000_000)
    return 0

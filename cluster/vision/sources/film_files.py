"""Opens the file of a film, from a local path or any fsspec URL, for random access.

A film is never read into memory as a whole.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.core.files.formats import Format
from cluster.core.files.listings import to_int64
from cluster.core.files.paths import is_url, text_to_path
from cluster.vision.sources.file_kinds import find_film_format
from cluster.vision.sources.headers import HEAD_BYTES
from cluster.vision.sources.photo_bytes import say_unreachable
from cluster.vision.sources.storage import as_os_errors, find_driver

CHUNK_BYTES = 1 << 20

_WEBM = b"webm"
"""The document type in the header of a WebM."""

_MEDIA_TYPES = {
    "mov": "video/mp4",
    "matroska": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpeg": "video/mpeg",
    "mpegts": "video/mp2t",
}
"""Media types by the names in cluster/core/files/formats.py. Browsers play QuickTime films as MP4
or not at all."""


class StoredFile:
    """A file in a store, whose driver's errors are OSErrors."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`; all remaining ones if it is -1."""
        with as_os_errors():
            data: bytes = self._file.read(size)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to an offset, and return it from the beginning."""
        with as_os_errors():
            place: int = self._file.seek(offset, whence)
        return place

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return int(self._file.tell())


@contextmanager
def open_film_file(path: str) -> Iterator[BinaryIO]:
    """Open a film's file for reading and seeking, and close it after the block.

    `path` is an absolute local path or an fsspec URL, as text. Raises UnreadableImage if it is not
    a regular file, and UnreachableImage if it cannot be read now, also from within the block.
    """
    try:
        with _open_stored(path) if is_url(path) else _open_local(path) as file:
            yield file
    except (OSError, StoreUnusable) as error:
        raise UnreachableImage(path, say_unreachable(error)) from error


class StoreUnusable(Exception):
    """The driver of a store is missing, or does not know the URL."""


@contextmanager
def _open_stored(url: str) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        try:
            with as_os_errors():
                filesystem, place = find_driver(url)
                file = stack.enter_context(filesystem.open(place, "rb"))
        except (ValueError, ImportError) as error:
            raise StoreUnusable(str(error)) from error
        yield cast(BinaryIO, StoredFile(file))


@contextmanager
def _open_local(path: str) -> Iterator[BinaryIO]:
    # Without O_NONBLOCK, opening a named pipe would wait forever for a writer.
    descriptor = os.open(text_to_path(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableImage(path, "not a regular file")
        yield file


def find_format_of_film(file: BinaryIO) -> Format | None:
    """Return the format of a film by the first bytes of its file; None if it is not a film."""
    file.seek(0)
    return find_film_format(file.read(HEAD_BYTES))


def has_film(path: str) -> bool:
    """Tell whether a file is a film, by its first bytes."""
    with open_film_file(path) as file:
        return find_format_of_film(file) is not None


def digest_film(path: str) -> bytes:
    """Return the SHA-256 of all bytes of a file, which is read piece by piece."""
    digest = hashlib.sha256()
    with open_film_file(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


@dataclass(frozen=True, slots=True)
class KnownFilm:
    """The open file of a film, the media type of its content, and its size in bytes."""

    file: BinaryIO
    media_type: str
    size: int


@contextmanager
def open_known_film(path: str, *, size: int | None, modified_ns: int | None) -> Iterator[KnownFilm]:
    """Open the file of a film that was read before, and close it after the block.

    Raises UnreachableImage if it is no longer a film, or if its size or time has changed (None
    means unknown). The time of a file in a store is not checked.
    """
    with open_film_file(path) as file:
        format_ = find_format_of_film(file)
        here = file.seek(0, os.SEEK_END)
        changed_ns = None if is_url(path) else to_int64(os.fstat(file.fileno()).st_mtime_ns)
        is_same = size in (None, here) and (
            None in (modified_ns, changed_ns) or modified_ns == changed_ns
        )
        if format_ is None or not is_same:
            raise UnreachableImage(path, "the file has changed since it was read")
        file.seek(0)
        is_webm = format_.demuxer == "matroska" and _WEBM in file.read(64)
        media_type = "video/webm" if is_webm else _MEDIA_TYPES[format_.demuxer]
        yield KnownFilm(file, media_type, here)

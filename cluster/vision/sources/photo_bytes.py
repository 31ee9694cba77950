"""Reads the bytes of a photo, from a local path or any fsspec URL."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from cluster.core.defaults import MAX_FILE_BYTES
from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.core.files.paths import is_url, text_to_path
from cluster.vision.sources.storage import StorageError, read_url


def read_photo(path: str, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the content of a photo.

    `path` is an absolute local path or an fsspec URL, as text (cluster/core/files/paths.py). Raises
    UnreadableImage if the file is empty, too large or not a regular file, and UnreachableImage if
    its bytes cannot be read now (gone, no permission, connection lost).
    """
    try:
        data = read_url(path, max_bytes=max_bytes) if is_url(path) else _read_local(path, max_bytes)
    except (OSError, ValueError, ImportError) as error:
        raise UnreachableImage(path, say_unreachable(error)) from error
    if not data:
        raise UnreadableImage(path, "the file is empty")
    if len(data) > max_bytes:
        raise UnreadableImage(path, _too_large(max_bytes))
    return data


@contextmanager
def open_photo(path: str, *, max_bytes: int = MAX_FILE_BYTES) -> Iterator[BinaryIO]:
    """Open a photo to read parts of it; a photo behind a URL is read as a whole.

    Raises the errors of `read_photo`.
    """
    if is_url(path):
        yield io.BytesIO(read_photo(path, max_bytes=max_bytes))
        return
    try:
        with _open_local(path) as file:
            yield file
    except OSError as error:
        raise UnreachableImage(path, say_unreachable(error)) from error


def _open_local(path: str) -> BinaryIO:
    # Without O_NONBLOCK, opening a named pipe would wait forever for a writer.
    descriptor = os.open(text_to_path(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise UnreadableImage(path, "not a regular file")
    return file


def _read_local(path: str, max_bytes: int) -> bytes:
    with _open_local(path) as file:
        status = os.fstat(file.fileno())
        if status.st_size > max_bytes:
            raise UnreadableImage(path, _too_large(max_bytes))
        # A larger argument would make Python allocate and clear that many bytes.
        return file.read(status.st_size)


def _too_large(max_bytes: int) -> str:
    return f"the file is larger than the limit of {max_bytes / 1e6:.0f} MB"


def say_unreachable(error: Exception) -> str:
    """Return why a file cannot be read, in words for users."""
    if isinstance(error, FileNotFoundError):
        return "the file is no longer there"
    if isinstance(error, PermissionError):
        return "no permission to read the file"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a file"
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return "the path is too long"
    if isinstance(error, StorageError):
        return f"the file cannot be read ({error})"
    return f"the file cannot be read ({type(error).__name__}: {error})"

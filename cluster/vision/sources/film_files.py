"""The file of a film, from a local path or any fsspec URL, opened for reading here and there.

A film is never read into memory as a whole.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import fsspec

from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.core.formats import Format
from cluster.core.paths import is_url, text_to_path
from cluster.core.suffixes import is_photo_name
from cluster.vision.sources.file_kinds import find_film_format
from cluster.vision.sources.headers import HEAD_BYTES
from cluster.vision.sources.photo_bytes import say_unreachable
from cluster.vision.sources.storage import as_os_errors

CHUNK_BYTES = 1 << 20


@contextmanager
def open_film_file(path: str) -> Iterator[BinaryIO]:
    """Open a film's file for reading and seeking, and close it after the block.

    `path` is an absolute local path or an fsspec URL, as text. Raises UnreadableImage if it is not
    a regular file, and UnreachableImage if it cannot be read now, also from within the block.
    """
    try:
        with as_os_errors(), _open(path) as file:
            yield file
    except (OSError, ValueError, ImportError) as error:
        raise UnreachableImage(path, say_unreachable(error)) from error


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    if is_url(path):
        with fsspec.open(path, "rb") as file:
            yield cast(BinaryIO, file)
        return
    # Without O_NONBLOCK, opening a named pipe would wait for ever for a writer.
    descriptor = os.open(text_to_path(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableImage(path, "not a regular file")
        yield file


def find_format_of_film(file: BinaryIO) -> Format | None:
    """Return the format of a film by the first bytes of its file; None when it is no film."""
    file.seek(0)
    return find_film_format(file.read(HEAD_BYTES))


def has_film(path: str) -> bool:
    """Tell whether a file is a film, by its first bytes.

    They are read only if the name of the file is not that of a photo.
    """
    if is_photo_name(path):
        return False
    with open_film_file(path) as file:
        return find_format_of_film(file) is not None


def digest_film(path: str) -> bytes:
    """Return the SHA-256 of all bytes of a file, which is read piece by piece."""
    digest = hashlib.sha256()
    with open_film_file(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()

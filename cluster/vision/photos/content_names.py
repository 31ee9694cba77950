"""Describes in words for users what a file is, or why it cannot be read as a photo."""

from __future__ import annotations

import os

from PIL import UnidentifiedImageError

from cluster.core.files.formats import FORMATS, Format
from cluster.core.files.passed_over import PassedOverKind
from cluster.vision.containers.png_chunks import SIGNATURE, find_fault
from cluster.vision.readers.decoded_file import NotReadable
from cluster.vision.readers.deep_tiffs import describe_kind
from cluster.vision.readers.jpeg_2000 import is_cut
from cluster.vision.sources.file_kinds import guess_format, is_text

READ_FORMATS = tuple(reader for row in FORMATS for reader in row.readers)
"""The formats that Pillow may try, by its names."""

_A_TIFF = "a TIFF"
_NAMES = [row.name for row in FORMATS if row.readers]
READ_FORMATS_IN_WORDS = f"{', '.join(_NAMES)} and camera raw"
_READ_FROM = f"photos are read from {READ_FORMATS_IN_WORDS}"


def find_read_format(data: bytes) -> Format | None:
    """Return the format of a file's bytes if Headcount reads it, else None."""
    found = guess_format(data)
    return found if found is not None and found.is_read else None


def describe_stranger(data: bytes, *, path: str = "") -> str:
    """Return why bytes in none of the formats that Headcount reads are not a photo.

    A format without a signature, such as TGA, is recognised only by the suffix of `path`.
    """
    if not data:
        return "not a photo: the file is empty"
    if not data.strip(b"\x00"):
        return "not a photo: the file holds only zero bytes"
    other = guess_format(data)
    named = _find_by_name(path) if other is None or other.kind is PassedOverKind.OTHER else None
    if named is not None and not is_text(data[:512]):
        return f"a file of kind {named.name} by its name; {_READ_FROM}"
    if other is not None:
        return f"a file of kind {other.name}; {_READ_FROM}"
    if is_text(data[:512]):
        return "not a photo: the file holds text"
    if len(data) < 16:
        unit = "byte" if len(data) == 1 else "bytes"
        return f"not a photo: the file holds only {len(data)} {unit}"
    return "not a photo: the file's content is of no known format"


def _find_by_name(path: str) -> Format | None:
    """Return the unread picture format with this suffix, if it has no signature."""
    suffix = os.path.splitext(path)[1].lower()
    unread = (row for row in FORMATS if row.kind is None and not row.is_read and not row.signatures)
    return next((row for row in unread if suffix in row.suffixes), None)


def describe_damage(data: bytes, error: Exception) -> str:
    """Return why a file in a readable format could not be decoded; `error` is Pillow's."""
    if isinstance(error, MemoryError):
        return "not enough memory to decode the picture"
    if isinstance(error, NotReadable):
        return str(error)
    if ends_early(error) or isinstance(error, EOFError) or is_cut(data):
        return "the file ends too early"
    found = find_read_format(data)
    name = "a file" if found is None else found.with_article
    fault = find_fault(data) if data.startswith(SIGNATURE) else ""
    if fault:
        return f"{name} whose content is damaged ({fault})"
    is_opened = not isinstance(error, UnidentifiedImageError)
    kind = describe_kind(data, is_opened=is_opened) if name == _A_TIFF else ""
    if kind:
        return kind
    if not is_opened:
        return f"{name} by its first bytes, but what follows is damaged or of an unread kind"
    return f"{name} whose content is damaged ({error or type(error).__name__})"


def ends_early(error: Exception) -> bool:
    """Tell whether Pillow's error says that the file ends before the picture does."""
    return "truncated" in str(error)

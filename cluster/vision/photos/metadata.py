"""Reads a photo's EXIF: its orientation, and when it was taken.

A broken EXIF block must not fail a photo whose pixels can be decoded. Pillow may raise almost any
error for such a block (SyntaxError, TypeError, struct.error, ...).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from PIL import ExifTags, Image

PILLOW_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    BufferError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""All errors that Pillow and its plugins have been observed to raise for malformed files."""

UPRIGHT = 1

_YEARS = range(1800, 2200)
"""Plausible years, including dates that users gave to scans of old prints."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The EXIF `orientation`, 1 to 8, and the local time without a zone, `taken_at`."""

    orientation: int = UPRIGHT
    taken_at: datetime | None = None


def read_metadata(image: Image.Image) -> Metadata:
    """Return the readable part of an image's EXIF. Raises no error for a broken one."""
    try:
        return read_exif(image.getexif())
    except PILLOW_ERRORS:
        return Metadata()


def read_tiff_metadata(data: bytes) -> Metadata:
    """Return the metadata in the tags of a TIFF; for a broken one, as `read_metadata` does."""
    exif = Image.Exif()
    try:
        exif.load(data)
    except PILLOW_ERRORS:
        return Metadata()
    return read_exif(exif)


def names_orientation(data: bytes) -> bool:
    """Tell whether a TIFF has the tag of an orientation."""
    exif = Image.Exif()
    try:
        exif.load(data)
        return ExifTags.Base.Orientation in exif
    except PILLOW_ERRORS:
        return False


def read_exif(exif: Image.Exif) -> Metadata:
    """Return the readable part of an EXIF block. Raises no error for a broken one."""
    try:
        orientation = exif.get(ExifTags.Base.Orientation)
    except PILLOW_ERRORS:
        return Metadata()
    if not isinstance(orientation, int) or not 1 <= orientation <= 8:
        orientation = UPRIGHT
    return Metadata(orientation, _find_time(exif))


def _find_time(exif: Image.Exif) -> datetime | None:
    times = (_parse_time(stamp) for stamp in _list_stamps(exif))
    return next((time for time in times if time is not None), None)


def _list_stamps(exif: Image.Exif) -> Iterator[object]:
    """Yield the values of the tags with times, the time of the exposure first."""
    try:
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except PILLOW_ERRORS:
        details = {}
    yield details.get(ExifTags.Base.DateTimeOriginal)
    yield details.get(ExifTags.Base.DateTimeDigitized)
    try:
        yield exif.get(ExifTags.Base.DateTime)
    except PILLOW_ERRORS:
        return


def _parse_time(stamp: object) -> datetime | None:
    """Parse EXIF's "2009:07:31 15:42:01"; None for the zeros or blanks of an unset clock."""
    if isinstance(stamp, bytes):
        stamp = stamp.decode("ascii", errors="replace")
    if not isinstance(stamp, str):
        return None
    try:
        digits = stamp[:19].replace("-", ":").replace("T", " ")
        time = datetime.strptime(digits, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return time if time.year in _YEARS else None

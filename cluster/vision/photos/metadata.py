"""What a photo says about itself: which side is up, and when it was taken.

Metadata is read leniently: a broken EXIF block never fails a photo whose pixels are fine. Pillow
raises nearly any error on one (SyntaxError, TypeError, struct.error, ...).
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
"""Everything that Pillow and its plugins were seen to raise on malformed files."""

UPRIGHT = 1

_YEARS = range(1800, 2200)
"""Scans of old prints are dated by hand; a year beyond these is a fault of the camera's."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """`orientation` is EXIF's, 1 to 8; `taken_at` is local time without a zone."""

    orientation: int = UPRIGHT
    taken_at: datetime | None = None


def read_metadata(image: Image.Image) -> Metadata:
    """Return what can be read of an image's EXIF; never raises."""
    try:
        exif = image.getexif()
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
    """Yield what the tags of times hold, the time of the exposure first."""
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
    """Read EXIF's "2009:07:31 15:42:01"; cameras without a clock write zeros or blanks."""
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

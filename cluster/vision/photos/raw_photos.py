"""Opens camera raw files: by their embedded preview, or else by a development in half size.

The photo has the size of the picture that was used: the preview, or half of the sensor. So its
boxes, its thumbnail and its display on the page agree.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import TypeVar

import cv2
from PIL import Image

from cluster.core.errors import UnreadableImage
from cluster.core.files.suffixes import is_raw_name
from cluster.vision.photos.content_names import find_read_format
from cluster.vision.photos.metadata import (
    PILLOW_ERRORS,
    Metadata,
    names_orientation,
    read_tiff_metadata,
)
from cluster.vision.photos.scans import START_OF_SCAN, walk_segments
from cluster.vision.readers.raw_previews import (
    CannotDevelop,
    NotRaw,
    develop,
    extract_preview,
    find_tiff,
)

Opened = TypeVar("Opened")
OpenPicture = Callable[[bytes, Metadata | None], Opened]

_APP1 = 0xE1

SMALLEST_PREVIEW_PX = 640
"""The long side of the smallest preview that is used: the largest input of the detector."""

_TIFF = "TIFF"


def is_raw(data: bytes, path: str) -> bool:
    """Tell whether a photo is a raw file, by its content, or by its suffix if it is a TIFF."""
    found = find_read_format(data)
    if found is None or found.is_raw:
        return found is not None
    # Some cameras write raw files whose tags are those of any TIFF.
    return found.name == _TIFF and is_raw_name(path)


def open_raw(
    data: bytes, *, path: str, max_pixels: int, open_picture: OpenPicture[Opened]
) -> Opened:
    """Open the preview or the developed picture with `open_picture`, and return the result.

    `open_picture` gets the bytes of a picture and its metadata. Raises UnreadableImage.
    """
    try:
        preview = extract_preview(data)
    except NotRaw as error:
        return _open_stranger(data, str(error), path=path, open_picture=open_picture)
    fault = "it has no preview"
    if preview is not None:
        fault = "its preview is too small"
        try:
            if _long_side(preview) >= SMALLEST_PREVIEW_PX:
                return open_picture(preview, read_raw_metadata(data, preview))
        except UnreadableImage as error:
            fault = f"its preview cannot be read ({error.reason})"
    try:
        pixels = develop(data, max_pixels=max_pixels)
    except CannotDevelop as error:
        reason = f"a raw photo that cannot be shown: {fault}, and the picture behind it: {error}"
        raise UnreadableImage(path, reason) from error
    # As a BMP, so that one function reduces all pictures; libraw has turned it upright.
    picture = cv2.imencode(".bmp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    taken_at = read_raw_metadata(data, preview).taken_at
    return open_picture(picture, Metadata(taken_at=taken_at))


def read_raw_metadata(data: bytes, preview: bytes | None) -> Metadata:
    """Return the time of the raw file, and the orientation of its preview.

    A preview whose EXIF has no orientation is stored like the sensor's picture. The time comes from
    the preview if the raw file is not a TIFF, or has none.
    """
    own, shown = find_tiff(data), _find_own_exif(preview or b"")
    of_raw = Metadata() if own is None else read_tiff_metadata(own)
    of_preview = Metadata() if shown is None else read_tiff_metadata(shown)
    is_told = shown is not None and names_orientation(shown)
    orientation = of_preview.orientation if is_told else of_raw.orientation
    return Metadata(orientation, of_raw.taken_at or of_preview.taken_at)


def _find_own_exif(preview: bytes) -> bytes | None:
    """Return the EXIF block of a JPEG, a TIFF.

    LibRaw puts a block of its own first unless the camera's comes first. So the last one counts.
    """
    heads = itertools.takewhile(lambda found: found[0] != START_OF_SCAN, walk_segments(preview))
    blocks = [part[6:] for marker, part in heads if marker == _APP1 and part[:6] == b"Exif\0\0"]
    return blocks[-1] if blocks else None


def _open_stranger(
    data: bytes, fault: str, *, path: str, open_picture: OpenPicture[Opened]
) -> Opened:
    """If a file that LibRaw cannot open is a TIFF, open it as one."""
    reason = f"a raw photo that cannot be opened: {fault}"
    if find_tiff(data) is not data:
        raise UnreadableImage(path, reason)
    try:
        return open_picture(data, None)
    except UnreadableImage as error:
        raise UnreadableImage(path, f"{reason}; nor as a TIFF ({error.reason})") from error


def _long_side(picture: bytes) -> int:
    opened = _open_quietly(picture)
    return 0 if opened is None else max(opened.size)


def _open_quietly(picture: bytes | None) -> Image.Image | None:
    try:
        return None if picture is None else Image.open(io.BytesIO(picture), formats=("JPEG",))
    except PILLOW_ERRORS:
        return None

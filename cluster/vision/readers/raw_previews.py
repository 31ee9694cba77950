"""Reads camera raw files with LibRaw, through rawpy: the embedded preview, or a quick development.

Cameras embed a JPEG of the shot, mostly in full size. It is preferred to a development, which takes
many times as long and looks different from the camera's own picture.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import numpy.typing as npt

from cluster.vision.readers.quiet_stderr import without_lines_of_libraw

_WIDTH, _HEIGHT, _NEXT_LEVEL = 256, 257, 330
_TIFF_MARKS = {b"IIRO": b"II*\0", b"IIRS": b"II*\0", b"MMOR": b"MM\0*", b"IIU\0": b"II*\0"}
_MOST_DIRECTORIES = 64


class NotRaw(Exception):
    """LibRaw cannot open the file; the message is a reason for users."""


class CannotDevelop(Exception):
    """The raw picture cannot be developed; the message is a reason for users."""


def extract_preview(data: bytes) -> bytes | None:
    """Return the largest embedded JPEG; None when there is none.

    A JPEG without EXIF gets one from LibRaw, with the orientation and the time of the raw file.
    Raises NotRaw.
    """
    rawpy = _load_libraw()
    with without_lines_of_libraw(), rawpy.RawPy() as raw:
        try:
            raw.open_buffer(io.BytesIO(data))
        except rawpy.LibRawError as error:
            raise NotRaw(_say(rawpy, error)) from error
        try:
            preview = raw.extract_thumb()
        except (rawpy.LibRawError, rawpy.NotSupportedError, NotImplementedError):
            return None
    return bytes(preview.data) if preview.format == rawpy.ThumbFormat.JPEG else None


def develop(data: bytes, *, max_pixels: int) -> npt.NDArray[np.uint8]:
    """Return the raw picture in half its size, upright, uint8 RGB (H, W, 3).

    Raises CannotDevelop. A picture of more than `max_pixels` is refused before it is unpacked if
    the file is a TIFF, and otherwise before it is developed.
    """
    rawpy = _load_libraw()
    _check_size(max((w * h for w, h in list_sizes(data)), default=0), max_pixels)
    try:
        with without_lines_of_libraw(), rawpy.imread(io.BytesIO(data)) as raw:
            _check_size(raw.sizes.raw_width * raw.sizes.raw_height, max_pixels)
            pixels = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise CannotDevelop(_say(rawpy, error)) from error
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, :3]


def find_tiff(data: bytes) -> bytes | None:
    """Return a raw file with the structure of a TIFF, with the mark of a TIFF; None for others."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        return data
    mark = _TIFF_MARKS.get(data[:4])
    return None if mark is None else mark + data[4:]


def list_sizes(data: bytes) -> list[tuple[int, int]]:
    """Return the widths and heights in the directories of a TIFF; none for another file."""
    tiff = find_tiff(data)
    return [] if tiff is None else list(_walk_sizes(tiff))


def _walk_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    order = "<" if data[:2] == b"II" else ">"
    waiting, seen = [_number(data, order, 4, 4)], set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        at = waiting.pop()
        if at in seen or not 8 <= at <= len(data) - 2:
            continue
        seen.add(at)
        count = _number(data, order, at, 2)
        tags = dict(_read_tags(data, order, at + 2, count))
        waiting += [_number(data, order, at + 2 + 12 * count, 4), *tags.get(_NEXT_LEVEL, ())]
        if _WIDTH in tags and _HEIGHT in tags:
            yield tags[_WIDTH][0], tags[_HEIGHT][0]


def _read_tags(data: bytes, order: str, at: int, count: int) -> Iterator[tuple[int, list[int]]]:
    for start in range(at, min(at + 12 * count, len(data) - 11), 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, start)
        width = 2 if kind == 3 else 4
        if tag not in (_WIDTH, _HEIGHT, _NEXT_LEVEL) or not values:
            continue
        is_inline = values * width <= 4
        place = start + 8 if is_inline else _number(data, order, start + 8, 4)
        numbers = range(min(values, _MOST_DIRECTORIES))
        yield tag, [_number(data, order, place + n * width, width) for n in numbers]


def _number(data: bytes, order: str, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little" if order == "<" else "big")


def _check_size(pixels: int, most: int) -> None:
    if pixels > most:
        said = f"{_millions(pixels)} pixels, more than the limit of {_millions(most)}"
        raise CannotDevelop(f"{said} (max_pixels)")


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:.0f} million" if pixels >= 1_000_000 else str(pixels)


def _say(rawpy: ModuleType, error: Exception) -> str:
    if isinstance(error, rawpy.LibRawFileUnsupportedError):
        return "LibRaw knows no camera that writes such a file"
    if isinstance(error, rawpy.LibRawIOError):
        return "the file ends too early"
    if isinstance(error, rawpy.LibRawUnsufficientMemoryError | rawpy.LibRawTooBigError):
        return "not enough memory to develop the picture"
    words = error.args[0] if error.args else ""
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)


def _load_libraw() -> ModuleType:
    import rawpy  # noqa: PLC0415 (a third of a second that few libraries need)

    return rawpy

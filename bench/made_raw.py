"""Makes camera raw files: a DNG with a colour filter array, and the preview that cameras add."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

TIME = "2021:06:05 14:30:15"

_SHORT, _LONG, _BYTE, _ASCII, _RATIONAL, _SIGNED = 3, 4, 1, 2, 5, 10
_FORMATS = {_SHORT: "H", _LONG: "I", _BYTE: "B", _RATIONAL: "I", _SIGNED: "i"}
_SIZES = {_SHORT: 2, _LONG: 4, _BYTE: 1, _ASCII: 1, _RATIONAL: 8, _SIGNED: 8}

Tag = tuple[int, int, Any]


def make_dng(
    picture: Image.Image,
    *,
    preview: bytes | None = None,
    orientation: int = 1,
    time: str = TIME,
    claims: tuple[int, int] | None = None,
) -> bytes:
    """Return a DNG of this picture, as the sensor sees it: `orientation` says how to turn it.

    `preview` is a JPEG as the camera embeds it, stored in the same orientation. `claims` is a false
    width and height.
    """
    sensor = _to_filter_array(picture)
    height, width = sensor.shape
    claimed = claims or (width, height)
    raw = [
        *((254, _LONG, [0]), (256, _LONG, [claimed[0]]), (257, _LONG, [claimed[1]])),
        *((258, _SHORT, [16]), (259, _SHORT, [1]), (262, _SHORT, [32803])),
        *((277, _SHORT, [1]), (278, _LONG, [claimed[1]]), (33421, _SHORT, [2, 2])),
        *((33422, _BYTE, [0, 1, 1, 2]), (50717, _LONG, [65535])),
    ]
    camera = [
        *((271, _ASCII, b"Made"), (272, _ASCII, b"Camera"), (274, _SHORT, [orientation])),
        *((306, _ASCII, time.encode()), (50706, _BYTE, [1, 4, 0, 0])),
        *(
            (50708, _ASCII, b"Made Camera"),
            (50721, _SIGNED, [3, 1, 0, 1, 0, 1, 0, 1, 3, 1, 0, 1, 0, 1, 0, 1, 3, 1]),
        ),
        (50728, _RATIONAL, [1, 1, 1, 1, 1, 1]),
    ]
    if preview is None:
        return _write([*raw, *camera], sensor.tobytes())
    with Image.open(io.BytesIO(preview)) as shown:
        size = shown.size
    first = [
        *((254, _LONG, [1]), (256, _LONG, [size[0]]), (257, _LONG, [size[1]])),
        *((258, _SHORT, [8, 8, 8]), (259, _SHORT, [7]), (262, _SHORT, [6]), (277, _SHORT, [3])),
        *((278, _LONG, [size[1]]), *camera),
    ]
    return _write(first, preview, inner=(raw, sensor.tobytes()))


def encode(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Return the picture as a file of this kind."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def take_jpeg(picture: Image.Image, *, time: str = TIME, quality: int = 92) -> bytes:
    """Return a JPEG as a camera writes it beside its raw file."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[36867] = time
    return encode(picture, exif=exif, quality=quality)


def _to_filter_array(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return the samples of an RGGB sensor, linear, uint16 (H, W)."""
    light = (np.asarray(picture.convert("RGB")).astype(np.float64) / 255) ** 2.2 * 65535
    sensor = light[:, :, 1].copy()
    sensor[::2, ::2] = light[::2, ::2, 0]
    sensor[1::2, 1::2] = light[1::2, 1::2, 2]
    return sensor.astype(np.uint16)


def _write(
    tags: Sequence[Tag], pixels: bytes, inner: tuple[Sequence[Tag], bytes] | None = None
) -> bytes:
    """Return a little-endian TIFF of one directory, and optionally another one below it."""
    start = 8
    body = struct.pack("<2sHI", b"II", 42, start)
    if inner is None:
        return body + _lay_out(tags, pixels, at=start)
    first = _lay_out([*tags, (330, _LONG, [0])], pixels, at=start)
    below = start + len(first)
    return (
        body
        + _lay_out([*tags, (330, _LONG, [below])], pixels, at=start)
        + _lay_out(*inner, at=below)
    )


def _lay_out(tags: Sequence[Tag], pixels: bytes, *, at: int) -> bytes:
    """Return a directory for this offset, followed by its values and the pixels."""
    table = sorted([*tags, (273, _LONG, [0]), (279, _LONG, [len(pixels)])])
    place = at + 2 + 12 * len(table) + 4
    values = b""
    packed = {}
    for tag, kind, value in table:
        data = (
            value + b"\0"
            if kind == _ASCII
            else struct.pack(f"<{len(value)}{_FORMATS[kind]}", *value)
        )
        packed[tag] = (kind, len(data) // _SIZES[kind], data)
        if len(data) > 4:
            packed[tag] = (kind, len(data) // _SIZES[kind], struct.pack("<I", place + len(values)))
            values += data + bytes(len(data) % 2)
    packed[273] = (_LONG, 1, struct.pack("<I", place + len(values)))
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
        for tag, (kind, count, data) in packed.items()
    )
    return (
        struct.pack("<H", len(table))
        + entries
        + bytes(4)
        + values
        + pixels
        + bytes(len(pixels) % 2)
    )

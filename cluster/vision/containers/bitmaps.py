"""Reads BMP files of 16 and 32 bits with any colour masks; Pillow reads only the usual masks.

A mask selects the bits of one colour in a pixel. Alpha is ignored.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_FILE_HEADER = 14
_RAW, _FIELDS, _ALPHA_FIELDS = 0, 3, 6
_ROWS_AT_ONCE = 256
_MOST_BITS = 16
_USUAL = {
    16: (0x7C00, 0x3E0, 0x1F),
    32: (0xFF0000, 0xFF00, 0xFF),
}


@dataclass(frozen=True, slots=True)
class MaskedBitmap:
    """The header of a BMP of 16 or 32 bits, with the `masks` of its colours."""

    width: int
    height: int
    bits: int
    is_upwards: bool
    masks: tuple[int, int, int]
    offset: int

    @property
    def row_bytes(self) -> int:
        """The bytes of a row in the file, a multiple of four."""
        return (self.width * self.bits + 31) // 32 * 4


def find_masked_bitmap(data: bytes) -> MaskedBitmap | None:
    """Return the header of a BMP of 16 or 32 bits, None for any other file."""
    try:
        return _read_header(data)
    except struct.error:
        return None


def draw_masked_bitmap(data: bytes, header: MaskedBitmap) -> npt.NDArray[np.uint8]:
    """Return the pixels, uint8 (H, W, 3). Raises EOFError when rows are missing."""
    whole = header.row_bytes * header.height
    rows = np.frombuffer(data[header.offset : header.offset + whole], np.uint8)
    if rows.size < whole:
        raise EOFError("image file is truncated")
    kind = "<u2" if header.bits == 16 else "<u4"
    values = rows.reshape(header.height, header.row_bytes).view(kind)[:, : header.width]
    upright = values[::-1] if header.is_upwards else values
    pixels = np.empty((header.height, header.width, 3), np.uint8)
    for top in range(0, header.height, _ROWS_AT_ONCE):
        some = slice(top, top + _ROWS_AT_ONCE)
        for channel, mask in enumerate(header.masks):
            pixels[some, :, channel] = _take(upright[some], mask)
    return pixels


def _take(values: npt.NDArray[np.unsignedinteger], mask: int) -> npt.NDArray[np.uint8]:
    """Return the bits of a mask, scaled to 0..255."""
    if not mask:
        return np.zeros(values.shape, np.uint8)
    low = (mask & -mask).bit_length() - 1
    low += max(0, (mask >> low).bit_length() - _MOST_BITS)
    most = mask >> low
    taken = (values.astype(np.uint32) & np.uint32(mask)) >> np.uint32(low)
    return np.asarray(taken * 255 // most, np.uint8)


def _read_header(data: bytes) -> MaskedBitmap | None:
    offset, size = struct.unpack_from("<II", data, 10)
    if data[:2] != b"BM" or size < 16:
        return None
    width, height, planes, bits = struct.unpack_from("<iiHH", data, _FILE_HEADER + 4)
    kind = struct.unpack_from("<I", data, _FILE_HEADER + 16)[0] if size >= 20 else _RAW
    if planes != 1 or bits not in _USUAL or width <= 0 or not height:
        return None
    masks = _USUAL[bits]
    if kind in (_FIELDS, _ALPHA_FIELDS):
        red, green, blue = struct.unpack_from("<III", data, _FILE_HEADER + 40)
        masks = (red, green, blue) if red | green | blue else masks
    elif kind != _RAW:
        return None
    start = offset or _FILE_HEADER + size
    return MaskedBitmap(width, abs(height), bits, height > 0, masks, start)

"""Reads JPEG XL (ISO/IEC 18181), decoded by libjxl through imagecodecs.

Only the first frame is decoded. libjxl turns the picture upright by the orientation in the
codestream; the orientation in EXIF is only informative (18181-2), and is left out here.
"""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
from PIL import ExifTags, Image

from cluster.vision.readers.decoded_file import CUT, DecodedFile, check_sides
from cluster.vision.readers.media_boxes import walk_boxes

CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
CODESTREAM = b"\xff\x0a"

_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_WIDTHS_OF_SIZES = (9, 13, 18, 30)
_HEADER_BYTES = 64
_FIRST_SWAPPED = 5


class JpegXlFile(DecodedFile):
    """A JPEG XL file, bare or in its container."""

    format = "JXL"
    format_description = "JPEG XL (ISO/IEC 18181)"

    def read_header(self) -> tuple[int, int]:
        """Return the upright size; note the EXIF block of a container."""
        exif = find_exif(self.data)
        if exif:
            self.info["exif"] = exif
        return read_size(b"".join(_list_codestream(self.data, at_most=_HEADER_BYTES)))

    def getexif(self) -> Image.Exif:
        """Return the EXIF without its orientation."""
        exif = super().getexif()
        exif.pop(ExifTags.Base.Orientation, None)
        return exif

    def decode(self) -> Image.Image:
        """Return the first frame: grey or RGB with 8 bits, or with its alpha."""
        try:
            pixels = imagecodecs.jpegxl_decode(self.data, index=0, numthreads=1)
        except imagecodecs.JpegxlError as error:
            raise OSError(CUT if "NEED_MORE_INPUT" in str(error) else str(error)) from error
        return Image.fromarray(_to_eight_bits(pixels))


def find_exif(data: bytes) -> bytes | None:
    """Return the EXIF block of a container, which is a TIFF; None if there is no readable one."""
    if not data.startswith(CONTAINER):
        return None
    content = next((bytes(box) for kind, box in walk_boxes(data) if kind == b"Exif"), b"")
    start = 4 + int.from_bytes(content[:4])
    return content[start:] or None


def read_size(head: bytes) -> tuple[int, int]:
    """Return the upright width and height in the header of a codestream (18181-1, annex D).

    Raises SyntaxError if this is not a codestream, or ends within its header.
    """
    if not head.startswith(CODESTREAM):
        raise SyntaxError("not a JPEG XL codestream")
    bits = _Bits(head, at=16)
    try:
        is_small = bits.take(1)
        height = 8 * (bits.take(5) + 1) if is_small else _take_side(bits)
        ratio = _RATIOS.get(bits.take(3))
        if ratio is not None:
            width = height * ratio[0] // ratio[1]
        else:
            width = 8 * (bits.take(5) + 1) if is_small else _take_side(bits)
        has_extra = not bits.take(1) and bits.take(1)
        orientation = bits.take(3) + 1 if has_extra else 1
    except IndexError:
        raise SyntaxError("the header of the codestream is cut") from None
    sides = (height, width) if orientation >= _FIRST_SWAPPED else (width, height)
    return check_sides(*sides)


class _Bits:
    """Reads numbers from bytes, the lowest bits first."""

    def __init__(self, data: bytes, *, at: int) -> None:
        self._data, self._at = data, at

    def take(self, count: int) -> int:
        """Return the next `count` bits; raise IndexError after the last."""
        if self._at + count > 8 * len(self._data):
            raise IndexError
        number = int.from_bytes(self._data, "little") >> self._at & ((1 << count) - 1)
        self._at += count
        return number


def _take_side(bits: _Bits) -> int:
    return bits.take(_WIDTHS_OF_SIZES[bits.take(2)]) + 1


def _list_codestream(data: bytes, *, at_most: int) -> Iterator[bytes]:
    """Yield the beginning of the codestream, which may be in one box or in several."""
    if not data.startswith(CONTAINER):
        yield data[:at_most]
        return
    found = 0
    for kind, box in walk_boxes(data):
        if kind in (b"jxlc", b"jxlp") and found < at_most:
            part = bytes(box[:at_most] if kind == b"jxlc" else box[4 : 4 + at_most])
            found += len(part)
            yield part


def _to_eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Scale 16-bit and float samples (0..1) to uint8; grey with alpha stays in two channels."""
    if pixels.ndim == 3 and pixels.shape[2] > 4:
        pixels = pixels[:, :, :3]
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype.kind == "f":
        return (np.nan_to_num(pixels.astype(np.float32)).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return pixels.astype(np.uint8, copy=False)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith((CONTAINER, CODESTREAM))


Image.register_open(JpegXlFile.format, JpegXlFile, _accept)

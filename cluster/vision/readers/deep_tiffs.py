"""Reads TIFFs that Pillow refuses or misreads: floating point, wide integers, separate planes.

imagecodecs unpacks the parts of the picture.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from cluster.vision.containers.tiff_directories import read_numbers
from cluster.vision.readers.decoded_file import CUT, DecodedFile, NotReadable, check_sides
from cluster.vision.readers.deep_samples import deep_to_eight_bits

MAX_BYTES = 2 << 30
"""The largest picture that is decoded: 180 million pixels of three floats."""

_WIDTH, _HEIGHT, _BITS, _PACKING, _COLOURS, _CHANNELS, _ROWS = 256, 257, 258, 259, 262, 277, 278
_STRIPS, _STRIP_BYTES, _PLANES, _PREDICTOR, _KIND = 273, 279, 284, 317, 339
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_TAGS = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _PACKING, _COLOURS, _CHANNELS, _ROWS, _STRIPS, _STRIP_BYTES, _PLANES}
    | {_PREDICTOR, _KIND, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES}
)
_WHITE_IS_ZERO, _GREY, _RGB = 0, 1, 2
_KINDS = {1: "u", 2: "i", 3: "f"}
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3
_WORDS = {1: "integers", 2: "signed integers", 3: "floating point"}
_CURE = "save it with 8 or 16 bits a channel"


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the samples of a TIFF are stored. `kind` is u, i or f; `order` is the byte order."""

    size: tuple[int, int]
    channels: int
    bits: int
    kind: str
    colours: int
    packing: int
    is_separate: bool
    order: str
    tags: Mapping[int, tuple[int, ...]]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of a stored sample."""
        return np.dtype(f"{self.order}{self.kind}{self.bits // 8}")

    @property
    def is_deep(self) -> bool:
        """True if this module reads the kind, and Pillow does not."""
        wanted = (1, 2) if self.colours in (_WHITE_IS_ZERO, _GREY) else (3, 4)
        is_known = self.colours in (_WHITE_IS_ZERO, _GREY, _RGB) and self.channels in wanted
        if not is_known or self.packing not in _UNPACK:
            return False
        is_whole = self.bits in ((16, 32, 64) if self.kind == "f" else (8, 16, 32))
        if self.colours == _RGB:
            is_usual = self.kind == "u" and (self.bits == 8 or not self.is_separate)
            return is_whole and not (is_usual and self.bits <= 16)
        return is_whole and self.kind == "f" and (self.bits != 32 or self.channels == 2)

    @property
    def part(self) -> tuple[int, int]:
        """Width and height of the strips or tiles; the last strip may have fewer rows."""
        width, height = self.size
        if _TILES in self.tags:
            return _first(self.tags, _TILE_WIDTH), _first(self.tags, _TILE_HEIGHT)
        return width, min(height, _first(self.tags, _ROWS, height) or height)


class DeepTiffFile(DecodedFile):
    """A TIFF of a kind that Pillow does not read."""

    format = "DEEP_TIFF"
    format_description = "a TIFF of floating point, wide integers or separate planes"

    def read_header(self) -> tuple[int, int]:
        """Return the size; raise SyntaxError if Pillow reads the file, or no reader does."""
        layout = _read_layout(self.data)
        if layout is None or not layout.is_deep:
            raise SyntaxError("a TIFF of another kind")
        self._file, self._layout = self.data, layout
        return layout.size

    def getexif(self) -> Image.Exif:
        """Return the tags of the TIFF, with its EXIF."""
        exif = Image.Exif()
        exif.load(self._file)
        return exif

    def decode(self) -> Image.Image:
        """Return the picture with 8 bits."""
        layout = self._layout
        width, height = layout.size
        shape = (height, width, layout.channels)
        if int(np.prod(shape, dtype=np.int64)) * layout.bits // 8 > MAX_BYTES:
            raise NotReadable(f"a TIFF of more than {MAX_BYTES >> 30} GiB of pixels; {_CURE}")
        samples = np.zeros(shape, layout.dtype.newbyteorder("="))
        for left, top, plane, part in _list_parts(self.data, layout):
            rows, columns = min(len(part), height - top), min(part.shape[1], width - left)
            place = samples[top : top + rows, left : left + columns]
            if layout.is_separate:
                place[..., plane] = part[:rows, :columns, 0]
            else:
                place[...] = part[:rows, :columns]
        return _to_image(samples, layout)


def describe_kind(data: bytes, *, is_opened: bool) -> str:
    """Return the kind of a TIFF, and what a user can do; "" if its directory is broken.

    A TIFF that a reader has opened is described only if its compression is not supported.
    """
    layout = _read_layout(data)
    if layout is None or (is_opened and layout.packing in _USUAL_PACKINGS):
        return ""
    unit = "channel" if layout.channels == 1 else "channels"
    kind = _WORDS.get(_first(layout.tags, _KIND, 1), "an unknown kind")
    said = f"a TIFF of {layout.channels} {unit} with {layout.bits} bits of {kind}"
    if layout.packing not in _USUAL_PACKINGS:
        return f"{said}, compressed in a way that is not read ({layout.packing}); save it anew"
    return f"{said}, which is not read; {_CURE}"


def _read_layout(data: bytes) -> _Layout | None:
    tags = read_numbers(data, _TAGS)
    try:
        size = check_sides(_first(tags, _WIDTH), _first(tags, _HEIGHT))
    except SyntaxError:
        return None
    return _Layout(
        size=size,
        channels=_first(tags, _CHANNELS, 1),
        bits=_first(tags, _BITS, 1),
        kind=_KINDS.get(_first(tags, _KIND, 1), ""),
        colours=_first(tags, _COLOURS, -1),
        packing=_first(tags, _PACKING, 1),
        is_separate=_first(tags, _PLANES, 1) == 2,
        order="<" if data[:2] == b"II" else ">",
        tags=tags,
    )


def _list_parts(data: bytes, layout: _Layout) -> Iterator[tuple[int, int, int, npt.NDArray[Any]]]:
    """Yield left, top, plane and samples (H, W, channels) of each strip or tile."""
    is_tiled = _TILES in layout.tags
    places = layout.tags.get(_TILES if is_tiled else _STRIPS, ())
    lengths = layout.tags.get(_TILE_BYTES if is_tiled else _STRIP_BYTES, ())
    wide, high = check_sides(*layout.part)
    width, height = layout.size
    planes = range(layout.channels if layout.is_separate else 1)
    if len(planes) * -(-width // wide) * -(-height // high) > min(len(places), len(lengths)):
        raise OSError("its directory does not name all parts of the picture")
    grid = (
        (left, top, plane)
        for plane in planes
        for top in range(0, height, high)
        for left in range(0, width, wide)
    )
    for (left, top, plane), at, length in zip(grid, places, lengths, strict=False):
        if at + length > len(data):
            raise OSError(CUT)
        rows = high if is_tiled else min(high, height - top)
        shape = (rows, wide, 1 if layout.is_separate else layout.channels)
        yield left, top, plane, _unpack(data[at : at + length], layout, shape)


def _unpack(packed: bytes, layout: _Layout, shape: tuple[int, int, int]) -> npt.NDArray[Any]:
    size = int(np.prod(shape, dtype=np.int64)) * layout.bits // 8
    if size > MAX_BYTES:
        raise OSError("a part that is larger than any picture")
    try:
        whole = _UNPACK[layout.packing](packed, size)
    except (RuntimeError, zlib.error) as error:
        raise OSError(str(error)) from error
    if len(whole) < size:
        raise OSError(CUT)
    predictor = _first(layout.tags, _PREDICTOR, 1)
    samples = np.frombuffer(whole, layout.dtype, size // (layout.bits // 8)).reshape(shape)
    if predictor == _FLOAT_DIFFERENCES:
        return np.asarray(imagecodecs.floatpred_decode(samples, axis=-2))
    native = samples.astype(layout.dtype.newbyteorder("="))
    if predictor == _DIFFERENCES:
        bits = native.view(f"u{layout.bits // 8}")
        return np.cumsum(bits, axis=1, dtype=bits.dtype).view(native.dtype)
    return native


def _to_image(samples: npt.NDArray[Any], layout: _Layout) -> Image.Image:
    colours = 3 if layout.colours == _RGB else 1
    pixels = deep_to_eight_bits(samples[..., :colours])
    if layout.colours == _WHITE_IS_ZERO:
        pixels = 255 - pixels
    if samples.shape[2] > colours:
        alpha = deep_to_eight_bits(samples[..., colours:])
        pixels = np.concatenate([pixels, alpha], axis=2)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _first(tags: Mapping[int, tuple[int, ...]], tag: int, default: int = 0) -> int:
    return next(iter(tags.get(tag, ())), default)


def _unpack_zlib(packed: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(packed, size)


_UNPACK: Mapping[int, Callable[[bytes, int], bytes | bytearray]] = {
    1: lambda packed, size: packed[:size],
    5: lambda packed, size: imagecodecs.lzw_decode(packed, out=size),
    8: _unpack_zlib,
    32946: _unpack_zlib,
    32773: lambda packed, size: imagecodecs.packbits_decode(packed, out=size),
    50000: lambda packed, size: imagecodecs.zstd_decode(packed, out=size),
}
"""The decoders by the number of the compression: none, LZW, Deflate, PackBits, Zstandard."""

_USUAL_PACKINGS = frozenset({*_UNPACK, 2, 3, 4, 6, 7, 34925})


def _accept(prefix: bytes) -> bool:
    return prefix.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


Image.register_open(DeepTiffFile.format, DeepTiffFile, _accept)

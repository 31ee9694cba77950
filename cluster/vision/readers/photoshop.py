"""Reads the flattened picture of a Photoshop file (PSD, and PSB for large ones).

Photoshop stores the picture of all layers at the end of the file, unless "maximize compatibility"
is off. Pillow reads neither 16 bits nor PSB, and psd-tools parses every layer; the flattened
picture needs only a small part of Adobe's specification ("Photoshop File Formats").
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from cluster.vision.readers.decoded_file import CUT, DecodedFile, NotReadable, check_sides

Plane = npt.NDArray[np.uint8]

_BITMAP, _GREY, _INDEXED, _RGB, _CMYK, _MULTICHANNEL, _DUOTONE, _LAB = 0, 1, 2, 3, 4, 7, 8, 9
_CHANNELS = {
    _BITMAP: 1,
    _GREY: 1,
    _INDEXED: 1,
    _RGB: 3,
    _CMYK: 4,
    _MULTICHANNEL: 3,
    _DUOTONE: 1,
    _LAB: 3,
}
_MODES = {_GREY: "L", _DUOTONE: "L", _RGB: "RGB", _CMYK: "CMYK", _LAB: "LAB", _MULTICHANNEL: "CMYK"}
_PROFILE, _VERSION, _EXIF = 1039, 1057, 1058
_RAW, _RLE, _ZIP = 0, 1, 2
_DEPTHS = (1, 8, 16, 32)
_MOST_CHANNELS = 56
_LAYERS_ONLY = (
    "a PSD that was saved with its layers only, without the picture of all; "
    "save it with maximised compatibility"
)


class PhotoshopFile(DecodedFile):
    """A PSD or PSB, read as its flattened picture."""

    format = "FLAT_PSD"
    format_description = "the flattened picture of a Photoshop file"

    def read_header(self) -> tuple[int, int]:
        """Return the size; note the profile and EXIF, and where the flattened picture begins."""
        data = self.data
        mark, version, channels, height, width, depth, mode = struct.unpack_from(
            ">4sH6xHIIHH", data
        )
        is_known = depth in _DEPTHS and mode in _CHANNELS and 1 <= channels <= _MOST_CHANNELS
        if mark != b"8BPS" or version not in (1, 2) or not is_known:
            raise SyntaxError("not a known kind of Photoshop file")
        self._is_big, self._channels, self._depth, self._colours = (
            version == 2,
            channels,
            depth,
            mode,
        )
        self._palette, at = _take(data, 26, 4)
        resources, at = _take(data, at, 4)
        self._has_flattened = True
        for number, content in _walk_resources(resources):
            self._note(number, content)
        layers, self._at = _take(data, at, 8 if self._is_big else 4)
        self._has_alpha, has_layers = _read_layers(layers, is_big=self._is_big)
        self._has_flattened |= not has_layers
        return check_sides(width, height)

    def _note(self, number: int, content: bytes) -> None:
        if number == _PROFILE:
            self.info["icc_profile"] = content
        elif number == _EXIF:
            self.info["exif"] = content
        elif number == _VERSION and len(content) > 4:
            self._has_flattened = content[4] != 0

    def decode(self) -> Image.Image:
        """Return the flattened picture; raise NotReadable if there is none."""
        if not self._has_flattened:
            raise NotReadable(_LAYERS_ONLY)
        wanted = _CHANNELS[self._colours]
        if self._channels < wanted and self._colours != _MULTICHANNEL:
            raise ValueError(f"{self._channels} channels of {wanted}")
        alpha = 1 if self._has_alpha and self._channels > wanted and self._colours == _RGB else 0
        planes = [
            self._to_bytes(plane)
            for plane in self._read_planes(min(self._channels, wanted + alpha))
        ]
        return self._to_image(planes)

    def _to_image(self, planes: list[Plane]) -> Image.Image:
        if self._colours == _BITMAP:
            return Image.fromarray(255 - planes[0])
        if self._colours == _INDEXED:
            return _to_palette_image(planes[0], self._palette)
        if self._colours == _MULTICHANNEL:
            planes = [255 - plane for plane in planes] + [np.zeros_like(planes[0])] * (
                4 - len(planes)
            )
        if self._colours == _CMYK:
            planes = [255 - plane for plane in planes]  # Photoshop stores inverted inks.
        mode = "RGBA" if self._colours == _RGB and len(planes) == 4 else _MODES[self._colours]
        return Image.merge(mode, [Image.fromarray(plane) for plane in planes])

    def _to_bytes(self, rows: Plane) -> Plane:
        """Return a plane's bytes, uint8 (H, bytes of a row), as samples of 8 bits (H, W)."""
        width = self.size[0]
        if self._depth == 1:
            return np.unpackbits(rows, axis=1)[:, :width] * np.uint8(255)
        if self._depth == 16:
            return np.ascontiguousarray(rows[:, ::2])  # The high bytes.
        if self._depth == 32:
            return _to_gamma(rows.view(">f4"))
        return rows

    def _read_planes(self, count: int) -> list[Plane]:
        width, height = self.size
        in_row = (width * self._depth + 7) // 8
        kind = int.from_bytes(self.data[self._at : self._at + 2])
        body = memoryview(self.data)[self._at + 2 :]
        if kind == _RAW:
            return _split(body, count, height, in_row)
        if kind == _RLE:
            return list(self._unpack(body, count, in_row))
        if kind == _ZIP:
            limit = count * height * in_row
            return _split(zlib.decompressobj().decompress(body, limit), count, height, in_row)
        raise ValueError(f"compression {kind} is not read")

    def _unpack(self, body: memoryview, count: int, in_row: int) -> Iterator[Plane]:
        """Yield the planes of run-length coded rows; the lengths of all rows come first."""
        height, step = self.size[1], 4 if self._is_big else 2
        at = self._channels * height * step
        if len(body) < at:
            raise OSError(CUT)
        lengths = np.frombuffer(body[:at], f">u{step}").reshape(self._channels, height)
        for length in lengths.sum(axis=1, dtype=np.int64)[:count].tolist():
            if len(body) < at + length:
                raise OSError(CUT)
            packed = bytes(body[at : at + length])
            plane = Image.frombytes("L", (in_row, height), packed, "packbits", "L")
            yield np.asarray(plane)
            at += length


def _take(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    """Return a part that is preceded by its length, and the offset after it."""
    start = at + width
    if len(data) < start:
        raise SyntaxError("the header is cut")
    end = start + int.from_bytes(data[at:start])
    return data[start:end], end


def _walk_resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 12 <= len(data) and data[at : at + 4] in (
        b"8BIM",
        b"MeSa",
        b"AgHg",
        b"PHUT",
        b"DCSR",
    ):
        number = int.from_bytes(data[at + 4 : at + 6])
        at += 6 + (data[at + 6] + 2) // 2 * 2
        size = int.from_bytes(data[at : at + 4])
        yield number, data[at + 4 : at + 4 + size]
        at += 4 + (size + 1) // 2 * 2


def _read_layers(data: bytes, *, is_big: bool) -> tuple[bool, bool]:
    """Return whether the first alpha channel is the picture's, and whether there are layers."""
    at = 8 if is_big else 4
    count = int.from_bytes(data[at : at + 2], signed=True)
    return count < 0, count != 0


def _split(body: bytes | memoryview, count: int, height: int, in_row: int) -> list[Plane]:
    if len(body) < count * height * in_row:
        raise OSError(CUT)
    samples = np.frombuffer(body, np.uint8, count * height * in_row)
    return list(samples.reshape(count, height, in_row))


def _to_palette_image(plane: Plane, palette: bytes) -> Image.Image:
    if len(palette) < 768:
        raise ValueError("its palette is cut")
    colours = np.frombuffer(palette, np.uint8, 768).reshape(3, 256).T
    return Image.fromarray(colours[plane])


def _to_gamma(linear: npt.NDArray[np.floating]) -> Plane:
    """Return linear light, 0..1, as samples of sRGB (IEC 61966-2-1)."""
    light = np.nan_to_num(linear.astype(np.float32)).clip(0, 1)
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (curve * 255 + 0.5).astype(np.uint8)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(b"8BPS")


Image.register_open(PhotoshopFile.format, PhotoshopFile, _accept)

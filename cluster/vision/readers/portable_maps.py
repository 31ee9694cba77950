"""Reads the PNM formats that Pillow lacks: PAM, and PFM in colour (netpbm's documentation)."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
from PIL import Image

from cluster.vision.readers.decoded_file import CUT, DecodedFile, check_sides
from cluster.vision.readers.deep_samples import deep_to_eight_bits

_HEAD_BYTES = 4096
_PFM = re.compile(rb"(P[Ff])\s+(\d{1,9})\s+(\d{1,9})\s+(-?[\d.eE+-]{1,20})\s")
_END = re.compile(rb"^ENDHDR[ \t\r]*\n", re.M)
_WORDS = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d{1,9})[ \t\r]*$", re.M)


class AnyMapFile(DecodedFile):
    """A PAM (P7): grey, RGB or either with alpha, of 1 to 16 bits."""

    format = "PAM"
    format_description = "netpbm's PAM"

    def read_header(self) -> tuple[int, int]:
        """Return the size."""
        end = _END.search(self.data[:_HEAD_BYTES])
        if end is None:
            raise SyntaxError("the header has no end")
        words = dict(_WORDS.findall(self.data[: end.start()]))
        width, height, self._depth, self._most = (
            int(words.get(name, b"0")) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
        if not 1 <= self._depth <= 4 or not 1 <= self._most <= 65535:
            raise SyntaxError(f"{self._depth} channels up to {self._most}")
        self._start = end.end()
        return check_sides(width, height)

    def decode(self) -> Image.Image:
        """Return the picture with 8 bits."""
        kind = np.dtype(">u2" if self._most > 255 else "u1")
        values = _take(self.data, self._start, (*self.size[::-1], self._depth), kind)
        scaled = values.astype(np.float32) * (255.0 / self._most) + 0.5
        pixels = (
            values.astype(np.uint8) if self._most == 255 else scaled.clip(0, 255).astype(np.uint8)
        )
        return Image.fromarray(pixels[:, :, 0] if self._depth == 1 else pixels)


class FloatMapFile(DecodedFile):
    """A PFM in grey or colour, its rows from the bottom to the top."""

    format = "PFM"
    format_description = "netpbm's PFM"

    def read_header(self) -> tuple[int, int]:
        """Return the size."""
        found = _PFM.match(self.data[:_HEAD_BYTES])
        if found is None:
            raise SyntaxError("not the header of a PFM")
        self._channels = 3 if found[1] == b"PF" else 1
        self._order = "<" if found[4].startswith(b"-") else ">"
        self._start = found.end()
        return check_sides(int(found[2]), int(found[3]))

    def decode(self) -> Image.Image:
        """Return the picture with 8 bits, scaled from 0..1, 0..255 or its own range."""
        shape = (*self.size[::-1], self._channels)
        values = _take(self.data, self._start, shape, np.dtype(f"{self._order}f4"))[::-1]
        pixels = deep_to_eight_bits(values)
        return Image.fromarray(
            pixels[:, :, 0] if self._channels == 1 else np.ascontiguousarray(pixels)
        )


def _take(
    data: bytes, start: int, shape: tuple[int, ...], kind: np.dtype[np.generic]
) -> npt.NDArray[np.generic]:
    count = int(np.prod(shape, dtype=np.int64))
    if len(data) - start < count * kind.itemsize:
        raise OSError(CUT)
    return np.frombuffer(data, kind, count, start).reshape(shape)


Image.register_open(AnyMapFile.format, AnyMapFile, lambda prefix: prefix.startswith(b"P7"))
Image.register_open(
    FloatMapFile.format, FloatMapFile, lambda prefix: prefix.startswith((b"PF", b"Pf"))
)

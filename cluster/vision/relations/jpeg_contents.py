"""Lists the parts of a JPEG that determine its pixels: tables, frames and scans.

APPn segments and comments are left out. Only the source of the colour space is kept (libjpeg's
jdapimin.c, default_decompress_parms): the JFIF marker, else Adobe's marker, else the names of the
components.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from cluster.vision.photos.scans import FRAMES, MARKER, PROGRESSIVE, START_OF_SCAN

_QUANTISATION, _HUFFMAN = 0xDB, 0xC4
_END_OF_IMAGE = 0xD9
_OTHERS = frozenset({0xCC, 0xDC, 0xDD})
"""Markers of the arithmetic coder's conditioning, the number of lines, the restart interval."""

_ENDS_A_SCAN = np.ones(256, np.bool_)
_ENDS_A_SCAN[[0x00, 0x01, *range(0xD0, 0xD9), 0xFF]] = False
"""For each byte, whether FF and this byte end a scan, by the same rule as MARKER."""

_PIECE_BYTES = 1 << 18
"""The bytes of a scan that are searched in one step, which fit into the cache."""

Part = bytes | memoryview


@dataclass(slots=True)
class _Header:
    """The segments before a scan; tables by their kind and number."""

    tables: dict[tuple[int, int], bytes] = field(default_factory=dict)
    others: list[bytes] = field(default_factory=list)
    components: bytes = b""
    is_progressive: bool = False
    has_jfif: bool = False
    adobe_transform: int | None = None

    def take(self, marker: int, content: bytes) -> None:
        if marker == _QUANTISATION:
            self.tables.update(_split_quantisation(content))
        elif marker == _HUFFMAN:
            self.tables.update(_split_huffman(content))
        elif marker in FRAMES:
            self.others.append(bytes([marker]) + content)
            self.components = content[6::3]
            self.is_progressive = marker in PROGRESSIVE
        elif marker in _OTHERS:
            self.others.append(bytes([marker]) + content)
        elif marker == 0xE0 and content.startswith(b"JFIF\0"):
            self.has_jfif = True
        elif marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12:
            self.adobe_transform = content[11]

    def flush(self) -> Iterator[Part]:
        """Yield the segments since the last scan, sorted, because tools may reorder them."""
        yield f"colours {self._transform()}".encode()
        for name, table in sorted(self.tables.items()):
            yield repr((name, len(table))).encode()
            yield table
        for other in sorted(self.others):
            yield len(other).to_bytes(4, "big")
            yield other
        self.tables, self.others = {}, []

    def _transform(self) -> int:
        """Return Adobe's code of the colour transform: 0 for none, 1 for YCbCr, 2 for YCCK."""
        if len(self.components) == 3 and self.has_jfif:
            return 1
        if self.adobe_transform is not None:
            return self.adobe_transform
        return int(len(self.components) == 3 and self.components != b"RGB")


def list_jpeg_parts(data: bytes) -> list[Part]:
    """Return the parts to digest, up to the end of the first picture; none if it has no scan.

    Like libjpeg, it ignores everything after a scan with all components of a sequential picture.
    """
    view, header, parts, at = memoryview(data), _Header(), list[Part](), 2
    while (found := MARKER.search(data, at)) is not None:
        marker, start = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            break
        at = start + max(2, int.from_bytes(data[start : start + 2], "big"))
        if marker != START_OF_SCAN:
            header.take(marker, data[start + 2 : at])
            continue
        at = _find_end_of_scan(data, at)
        parts += [*header.flush(), b"scan", view[start:at]]
        if not header.is_progressive and data[start + 2 : start + 3] >= bytes(
            [len(header.components)]
        ):
            break
    return parts


def _find_end_of_scan(data: bytes, at: int) -> int:
    """Return where a scan's coded pixels end, without the fill bytes FF before a marker."""
    array = np.frombuffer(data, np.uint8)
    while at < len(data):
        piece = array[at : at + _PIECE_BYTES + 1]
        prefixes = np.flatnonzero(piece[:-1] == 0xFF)
        ends = prefixes[_ENDS_A_SCAN[piece[prefixes + 1]]]
        if len(ends):
            return _without_fill(data, at + int(ends[0]))
        at += _PIECE_BYTES
    return len(data)


def _without_fill(data: bytes, end: int) -> int:
    while end and data[end - 1] == 0xFF:
        end -= 1
    return end


def _split_quantisation(content: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    while at < len(content):
        size = 65 + 64 * (content[at] >> 4 > 0)
        yield (_QUANTISATION, content[at] & 15), content[at : at + size]
        at += size


def _split_huffman(content: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    while at < len(content):
        size = 17 + sum(content[at + 1 : at + 17])
        yield (_HUFFMAN, content[at]), content[at : at + size]
        at += size

"""What of a JPEG decides about its pixels: tables, frames and scans, but no APPn and no comment.

How libjpeg tells a picture's colours (jdapimin.c, default_decompress_parms) takes part: by JFIF's
mark, else by Adobe's, else by the names of the components.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_QUANTISATION, _HUFFMAN = 0xDB, 0xC4
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_OTHERS = frozenset({0xCC, 0xDC, 0xDD})
"""Conditioning of the arithmetic coder, the number of lines, the restart interval."""

# What ends a scan: as in cluster/vision/scans.py, and all is found by memchr.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")

Part = bytes | memoryview


@dataclass(slots=True)
class _Header:
    """What the segments before a scan have said; tables by their kind and number."""

    tables: dict[tuple[int, int], bytes] = field(default_factory=dict)
    others: list[bytes] = field(default_factory=list)
    components: bytes = b""
    has_jfif: bool = False
    adobe_transform: int | None = None

    def take(self, marker: int, content: bytes) -> None:
        if marker == _QUANTISATION:
            self.tables.update(_split_quantisation(content))
        elif marker == _HUFFMAN:
            self.tables.update(_split_huffman(content))
        elif marker in _FRAMES:
            self.others.append(bytes([marker]) + content)
            self.components = content[6::3]
        elif marker in _OTHERS:
            self.others.append(bytes([marker]) + content)
        elif marker == 0xE0 and content.startswith(b"JFIF\0"):
            self.has_jfif = True
        elif marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12:
            self.adobe_transform = content[11]

    def flush(self) -> Iterator[Part]:
        """Yield what has come since the last scan, in an order that tools do not change."""
        yield f"colours {self._transform()}".encode()
        for name, table in sorted(self.tables.items()):
            yield repr((name, len(table))).encode()
            yield table
        for other in sorted(self.others):
            yield len(other).to_bytes(4, "big")
            yield other
        self.tables, self.others = {}, []

    def _transform(self) -> int:
        """Return Adobe's code: 0 for colours as they are, 1 for YCbCr, 2 for YCCK."""
        if len(self.components) == 3 and self.has_jfif:
            return 1
        if self.adobe_transform is not None:
            return self.adobe_transform
        return int(len(self.components) == 3 and self.components != b"RGB")


def list_jpeg_parts(data: bytes) -> list[Part]:
    """Return the parts to digest, to the end of the (first) picture; none when there is no scan."""
    view, header, parts, at = memoryview(data), _Header(), list[Part](), 2
    has_scan = False
    while (found := _MARKER.search(data, at)) is not None:
        marker, start = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            break
        at = start + max(2, int.from_bytes(data[start : start + 2], "big"))
        if marker != _START_OF_SCAN:
            header.take(marker, data[start + 2 : at])
            continue
        has_scan = True
        following = _MARKER.search(data, at)
        at = following.start() if following else len(data)
        parts += [*header.flush(), b"scan", view[start : _without_fill(data, at)]]
    return parts if has_scan else []


def _without_fill(data: bytes, end: int) -> int:
    """Return where a scan ends when the bytes FF that may stand before a marker are left out."""
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

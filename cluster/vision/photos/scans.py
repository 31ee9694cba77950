"""Counts the segments and scans of a JPEG before it is decoded, and limits them.

Each scan of a progressive JPEG passes over the whole picture, even if its few bytes change nothing.
A file of 230 KB with 1,500 such scans keeps a decoder busy for minutes ("Two Issues with the JPEG
Standard", libjpeg-turbo). Segments are walked as in libjpeg, so the content of a segment, such as
the thumbnail in EXIF, is not mistaken for a scan of the picture.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from cluster.core.errors import UnreadableImage

MAX_SCANS = 100
"""The limit of libtiff (LIBTIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER) and GDAL
(GDAL_JPEG_MAX_ALLOWED_SCAN_NUMBER).

libjpeg writes 10 scans for a colour picture, and no encoder in use writes more than about 20.
"""

MAX_SEGMENTS = 20_000
"""A gibibyte of full segments has 16,400 of them. Pillow keeps all segments: 3 million empty ones
took 2 GB.
"""

START_OF_SCAN = 0xDA
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})

_START_OF_IMAGE = b"\xff\xd8"
_END_OF_IMAGE = 0xD9
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})

# FF 00 is a byte FF of the picture, FF FF is fill, and TEM, RST0 to RST7 and SOI have no content.
# Without `+`, the search uses memchr, which is 40 times as fast; in a run, it finds the last FF.
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def walk_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and the content of each segment, up to the end of the first picture."""
    for marker, start, end in walk_places(data):
        yield marker, data[start + 2 : end]


def walk_places(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each segment's marker, and the offsets of its length and of the bytes after it."""
    at = len(_START_OF_IMAGE)
    while (found := MARKER.search(data, at)) is not None:
        marker, start = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            return
        at = start + max(2, int.from_bytes(data[start : start + 2]))
        yield marker, start, at


def check_scans(data: bytes, *, path: str) -> None:
    """Raise UnreadableImage if a JPEG has more scans or segments than the limits.

    Other formats pass. If the picture has a single scan, as nearly always, only headers are read.
    """
    if not data.startswith(_START_OF_IMAGE):
        return
    if count_headers(data, at_most=MAX_SEGMENTS + 1) > MAX_SEGMENTS:
        reason = f"a JPEG of more than {MAX_SEGMENTS:,} segments, which is the limit"
        raise UnreadableImage(path, reason)
    if count_scans(data, at_most=MAX_SCANS + 1) > MAX_SCANS:
        raise UnreadableImage(path, f"a JPEG of more than {MAX_SCANS} scans, which is the limit")


def count_headers(data: bytes, *, at_most: int) -> int:
    """Return the number of segments before the first scan, counting no further than `at_most`."""
    headers = itertools.takewhile(lambda found: found[0] != START_OF_SCAN, walk_segments(data))
    return sum(1 for _ in itertools.islice(headers, at_most))


def count_scans(data: bytes, *, at_most: int) -> int:
    """Return the number of scans that a decoder would read, counting no further than `at_most`.

    libjpeg reads no further scan after one with all components of a sequential picture.
    """
    scans, components, is_progressive = 0, 0, False
    for marker, segment in walk_segments(data):
        if marker in FRAMES and len(segment) > 5:
            components, is_progressive = segment[5], marker in PROGRESSIVE
        elif marker == START_OF_SCAN:
            scans += 1
            is_whole = not is_progressive and segment[:1] >= bytes([components])
            if is_whole or scans >= at_most:
                break
    return scans

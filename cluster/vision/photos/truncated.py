"""Finds the readable part of truncated and damaged JPEGs.

A JPEG that lacks only its end has a complete picture. Pillow refuses it unless
LOAD_TRUNCATED_IMAGES is set, which applies to the whole process; here each file is judged
separately. A black row is not necessarily missing, so a single decode is not enough. Therefore the
picture is decoded twice, with different bytes in place of the missing ones. Rows that are equal in
both are in the file.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.vision.photos.scans import (
    FRAMES,
    MARKER,
    PROGRESSIVE,
    START_OF_SCAN,
    walk_places,
)

MAX_MISSING_SHARE = 0.05
"""The largest share of rows that may be missing from a photo that is used."""

MAX_MISSING_ROWS = 32
"""Two rows of 16-pixel blocks."""

_MAX_MISSING_SHARE_OF_SMALL = 0.25
_END_OF_IMAGE = b"\xff\xd9"
_RESTART_INTERVAL = 0xDD
_RESTART = 0xD0

_FILLINGS = (bytes(64), bytes(range(251, 2, -7)) * 2)
"""Coded pixels in place of missing ones; neither contains a marker."""

Pixels = npt.NDArray[np.uint8]
Decode = Callable[[bytes], Pixels]


@dataclass(frozen=True, slots=True)
class Readable:
    """The readable part of a JPEG.

    `data` is a JPEG with this part, `share` the share of rows that the file holds, 0.0 to 1.0.
    `is_cut` tells whether the file ends after it; otherwise other bytes follow.
    """

    data: bytes
    share: float
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Pixels:
    """The end of the coded pixels of a JPEG, and whether a scan of each coefficient has begun."""

    end: int
    is_complete: bool
    is_progressive: bool
    restarts: int | None


def find_readable(data: bytes, decode: Decode) -> Readable | None:
    """Return the readable part of a JPEG; None if it has no coded pixels.

    `decode` returns the pixels (H, W, ...) of a JPEG's bytes. Its errors are raised.
    """
    found = _find_pixels(data)
    if found is None:
        return None
    coded = data[: found.end].rstrip(b"\xff")
    is_cut = found.end >= len(data)
    whole = coded + _END_OF_IMAGE
    if found.is_progressive:
        # All coefficients of the picture are there; only the last bit is missing in some blocks.
        return Readable(whole, 1.0 if found.is_complete else 0.0, is_cut)
    if not found.is_complete:
        return Readable(whole, 0.0, is_cut)
    one, other = (decode(coded + filling) for filling in _fill(found.restarts))
    return Readable(whole, _share_equal(one, other), is_cut)


def is_enough(share: float, *, height: int) -> bool:
    """Tell whether a picture of `height` rows is complete enough to be used."""
    small = min(MAX_MISSING_ROWS / height, _MAX_MISSING_SHARE_OF_SMALL)
    return 1.0 - share <= max(MAX_MISSING_SHARE, small)


def _share_equal(one: Pixels, other: Pixels) -> float:
    """Return the share of rows above the first differing row; 1.0 if none differs."""
    differs = (one != other).reshape(one.shape[0], -1).any(axis=1)
    return float(differs.argmax() / len(differs)) if differs.any() else 1.0


def _fill(restarts: int | None) -> Iterator[bytes]:
    """Yield endings of a JPEG that differ only in the missing pixels.

    `restarts` is the number of restart markers so far, None if there are none. After the last
    marker of an interval, a decoder reads nothing until the next one.
    """
    for filling in _FILLINGS:
        markers = range(8) if restarts is not None else ()
        parts = (bytes([0xFF, _RESTART + ((restarts or 0) + n) % 8]) + filling for n in markers)
        yield filling + b"".join(parts) + _END_OF_IMAGE


def _find_pixels(data: bytes) -> _Pixels | None:
    """Return the end of the last scan of the picture.

    Bytes after it, such as a phone's trailer, do not belong to the picture.
    """
    wanted, seen, found = set[tuple[int, int]](), set[tuple[int, int]](), None
    is_progressive, has_restarts = False, False
    for marker, start, end in walk_places(data):
        segment = data[start + 2 : end]
        if marker in FRAMES and len(segment) > 5 and found is None:
            is_progressive = marker in PROGRESSIVE
            components = segment[6 : 6 + 3 * segment[5] : 3]
            wanted = set(itertools.product(components, range(64)))
        elif marker == _RESTART_INTERVAL:
            has_restarts = any(segment[:2])
        elif marker == START_OF_SCAN:
            seen |= _list_scanned(segment, is_progressive=is_progressive)
            after = MARKER.search(data, end)
            stop = len(data) if after is None else after.start()
            restarts = _count_restarts(data, end, stop) if has_restarts else None
            found = _Pixels(stop, bool(wanted) and wanted <= seen, is_progressive, restarts)
            if found.is_complete:
                break
    return found


def _count_restarts(data: bytes, start: int, stop: int) -> int:
    return sum(data.count(bytes([0xFF, _RESTART + n]), start, stop) for n in range(8))


def _list_scanned(segment: bytes, *, is_progressive: bool) -> set[tuple[int, int]]:
    """Return the components and coefficients that a scan completes.

    A scan's `Al` is 0 in the last refinement (ITU-T T.81, G.1.2).
    """
    count = segment[0] if segment else 0
    if len(segment) < 4 + 2 * count:
        return set()
    first, last, precision = segment[1 + 2 * count : 4 + 2 * count]
    if is_progressive and precision & 0x0F:
        return set()
    coefficients = range(first, last + 1) if is_progressive else range(64)
    return set(itertools.product(segment[1 : 1 + 2 * count : 2], coefficients))

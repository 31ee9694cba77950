"""Truncated files: measures how much of the picture is there, and recovers it.

A JPEG that is cut near its end still has a usable picture. Pillow refuses it unless
LOAD_TRUNCATED_IMAGES is set, which applies to the whole process; here each file is judged alone.
When the bytes end, Pillow keeps the decoded rows, and the others stay zero.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import ImageFile

from cluster.vision.photos.scans import PROGRESSIVE, START_OF_SCAN, walk_segments

MAX_MISSING_SHARE = 0.05
"""The largest share of rows that may be missing from a photo that is used."""

MAX_MISSING_ROWS = 32
"""Two rows of 16-pixel blocks. A decoder withholds its last rows if the end marker is missing."""

_MAX_MISSING_SHARE_OF_SMALL = 0.25
_END_OF_IMAGE = b"\xff\xd9"


def share_decoded(image: ImageFile.ImageFile, *, full_height: int) -> float:
    """Return the share of rows (0.0 to 1.0) that a failed `image.load()` left in `image`.

    The share is 1.0 if no more rows are missing than the limits allow.
    """
    image.tile = []  # Without tiles, Pillow decodes nothing more and shows the rows that it has.
    rows = np.asarray(image).reshape(image.height, -1).any(axis=1)
    there = int(np.flatnonzero(rows)[-1]) + 1 if rows.any() else 0
    missing = 1.0 - there / image.height
    small = min(MAX_MISSING_ROWS / full_height, _MAX_MISSING_SHARE_OF_SMALL)
    return 1.0 if missing <= max(MAX_MISSING_SHARE, small) else 1.0 - missing


def complete(data: bytes) -> io.BytesIO:
    """Return a JPEG's bytes with an end marker added, so that libjpeg fills the missing part."""
    return io.BytesIO(data.rstrip(b"\xff") + _END_OF_IMAGE)


def is_whole_progressive(data: bytes) -> bool:
    """Tell whether a progressive JPEG's last scan has begun.

    Then every coefficient of the whole picture is there, and only the last bit of precision is
    missing in some blocks (ITU-T T.81, G.1.2: a scan's `Al` is 0 in the last refinement).
    """
    coefficients: set[tuple[int, int]] = set()
    components: set[int] = set()
    for marker, segment in walk_segments(data):
        if marker in PROGRESSIVE and len(segment) > 5:
            components = {segment[6 + 3 * i] for i in range(segment[5])}
        elif marker == START_OF_SCAN and len(segment) >= 6:
            count = segment[0]
            first, last, precision = segment[1 + 2 * count : 4 + 2 * count]
            if precision & 0x0F == 0:
                scanned = [segment[1 + 2 * i] for i in range(count)]
                coefficients |= {(c, k) for c in scanned for k in range(first, last + 1)}
    return bool(components) and len(coefficients) >= 64 * len(components)

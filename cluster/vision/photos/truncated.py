"""Files that end too early: how much of the picture is there, and getting it.

A JPEG cut at its very end still holds a usable picture. Pillow refuses it unless the switch
LOAD_TRUNCATED_IMAGES is set, which is one for the whole process; here each file is judged alone.
When a decoder runs out of bytes, Pillow keeps the rows that it has; the rest stay zero.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import ImageFile

from cluster.vision.photos.scans import PROGRESSIVE, START_OF_SCAN, walk_segments

MAX_MISSING_SHARE = 0.05
"""At most this share of the rows may be missing from a photo that is used."""

MAX_MISSING_ROWS = 32
"""Two rows of 16-pixel blocks: a decoder holds back its last ones when the end marker is gone."""

_MAX_MISSING_SHARE_OF_SMALL = 0.25
_END_OF_IMAGE = b"\xff\xd9"


def share_decoded(image: ImageFile.ImageFile, *, full_height: int) -> float:
    """Return the share of rows (0.0 to 1.0) that a failed `image.load()` left in `image`.

    An image that misses no more than may be missing counts as 1.0.
    """
    image.tile = []  # Nothing more is to be decoded: from here on Pillow shows what it has.
    rows = np.asarray(image).reshape(image.height, -1).any(axis=1)
    there = int(np.flatnonzero(rows)[-1]) + 1 if rows.any() else 0
    missing = 1.0 - there / image.height
    small = min(MAX_MISSING_ROWS / full_height, _MAX_MISSING_SHARE_OF_SMALL)
    return 1.0 if missing <= max(MAX_MISSING_SHARE, small) else 1.0 - missing


def complete(data: bytes) -> io.BytesIO:
    """Return a JPEG's bytes with the end marker that they lack: libjpeg then fills what misses."""
    return io.BytesIO(data.rstrip(b"\xff") + _END_OF_IMAGE)


def is_whole_progressive(data: bytes) -> bool:
    """Tell whether a progressive JPEG's last scan has begun.

    Then every coefficient of the whole picture is there, and what the file lacks is the last bit
    of precision in some blocks (ITU-T T.81, G.1.2: a scan's `Al` is 0 in the last refinement).
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

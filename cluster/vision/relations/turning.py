"""Pixels and JPEGs turned by quarter turns and mirrored, by the codes of core/placements.py."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cluster.core.placements import NO_TURN
from cluster.vision.photos.crops import CROP_QUALITY


def turn_pixels(pixels: npt.NDArray[np.uint8], turn: int) -> npt.NDArray[np.uint8]:
    """Return a view of a picture (H, W) or (H, W, channels), turned."""
    turned = pixels.swapaxes(0, 1) if turn >= 5 else pixels
    rows = slice(None, None, -1 if turn in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if turn in (2, 3, 6, 7) else 1)
    return turned[rows, columns]


def turn_jpeg(data: bytes, turn: int) -> bytes:
    """Return a JPEG of a turned thumbnail or crop; the same bytes when there is nothing to turn.

    It is saved in the quality of crops, which is not below that of thumbnails.
    """
    if turn == NO_TURN:
        return data
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    turned = np.ascontiguousarray(turn_pixels(np.asarray(pixels, np.uint8), turn))
    _, encoded = cv2.imencode(".jpg", turned, (cv2.IMWRITE_JPEG_QUALITY, CROP_QUALITY))
    return encoded.tobytes()

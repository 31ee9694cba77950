"""Turns and mirrors pixels and JPEGs by EXIF orientation (cluster/core/pictures/placements.py)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cluster.core.pictures.placements import NO_TURN
from cluster.vision.photos.crops import CROP_QUALITY


def turn_pixels(pixels: npt.NDArray[np.uint8], turn: int) -> npt.NDArray[np.uint8]:
    """Return a turned view of a picture (H, W) or (H, W, channels); `turn` is 1 to 8."""
    turned = pixels.swapaxes(0, 1) if turn >= 5 else pixels
    rows = slice(None, None, -1 if turn in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if turn in (2, 3, 6, 7) else 1)
    return turned[rows, columns]


def turn_jpeg(data: bytes, turn: int) -> bytes:
    """Return the turned JPEG of a thumbnail or a crop; the same bytes if `turn` is NO_TURN.

    It is saved with the quality of crops, which is not below that of thumbnails.
    """
    if turn == NO_TURN:
        return data
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    turned = np.ascontiguousarray(turn_pixels(np.asarray(pixels, np.uint8), turn))
    _, encoded = cv2.imencode(".jpg", turned, (cv2.IMWRITE_JPEG_QUALITY, CROP_QUALITY))
    return encoded.tobytes()

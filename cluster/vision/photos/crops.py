"""Crops: the pictures of faces that users see, 160 x 160 pixels with some surroundings."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cluster.core.identity.faces import BoundingBox

CROP_SIDE_PX = 160
CROP_QUALITY = 85

_MARGIN = 0.25


def cut_crop(photo: npt.NDArray[np.uint8], box: BoundingBox) -> bytes:
    """Return a JPEG of the square around `box` (in pixels of `photo`), a quarter wider each way.

    Outside the photo, its edge pixels are repeated.
    """
    half = max(box.width, box.height, 1.0) * (0.5 + _MARGIN)
    across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    left, top = round(across - half), round(down - half)
    side = max(1, round(2 * half))
    height, width = photo.shape[:2]
    rows = np.arange(max(0, min(top, height - 1)), max(1, min(top + side, height)))
    columns = np.arange(max(0, min(left, width - 1)), max(1, min(left + side, width)))
    inside = photo[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    square = _pad(inside, side, top=max(0, -top), left=max(0, -left))
    small = cv2.resize(square, (CROP_SIDE_PX, CROP_SIDE_PX), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, CROP_QUALITY])[1]
    return bytes(encoded.tobytes())


def _pad(inside: npt.NDArray[np.uint8], side: int, *, top: int, left: int) -> npt.NDArray[np.uint8]:
    bottom, right = max(0, side - inside.shape[0] - top), max(0, side - inside.shape[1] - left)
    if not (top or left or bottom or right):
        return inside
    padded = cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return padded.astype(np.uint8, copy=False)

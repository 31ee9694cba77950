"""Blocks: means over small windows of a picture, which prove that two pictures are the same."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cluster.core.pictures.same_picture import CHROMA_GRID, LUMA_BYTES, LUMA_GRID
from cluster.vision.photos.images import OpenedImage
from cluster.vision.relations.turning import turn_pixels

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_FLIPPED_ACROSS = (2, 3, 6, 7)
_FLIPPED_DOWN = (3, 4, 7, 8)


def make_blocks(image: OpenedImage, picture: Pixels, *, side: int) -> bytes:
    """Return the blocks of the whole photo, in the layout of cluster/core/pictures/same_picture.py.

    `picture` holds the means of windows of `side` x `side` pixels of `image`, counted from the left
    and the top. Incomplete windows at the right and the bottom may be missing from it.
    """
    colours = cv2.cvtColor(_add_rest(image.pixels, picture, side=side), cv2.COLOR_RGB2YCrCb)
    luma, red, blue = (np.asarray(plane, np.float32) for plane in cv2.split(colours))
    height, width = luma.shape
    unit = _find_factor(image) * side
    across = _Side(width, image.width / unit, _find_start(image, axis=1, side=side))
    down = _Side(height, image.height / unit, _find_start(image, axis=0, side=side))
    fine = down.weigh(LUMA_GRID) @ luma @ across.weigh(LUMA_GRID).T
    rows, columns = down.weigh(CHROMA_GRID), across.weigh(CHROMA_GRID)
    coarse = (rows @ plane @ columns.T for plane in (blue, red))
    return b"".join(_to_bytes(means) for means in (fine, *coarse))


def turn_blocks(blocks: bytes, turn: int) -> bytes:
    """Return the blocks of the turned picture; `turn` is an EXIF orientation, 1 to 8."""
    values = np.frombuffer(blocks, np.uint8)
    luma = values[:LUMA_BYTES].reshape(LUMA_GRID, LUMA_GRID)
    chroma = values[LUMA_BYTES:].reshape(2, CHROMA_GRID, CHROMA_GRID)
    return b"".join(turn_pixels(plane, turn).tobytes() for plane in (luma, *chroma))


def _to_bytes(means: npt.NDArray[np.floating]) -> bytes:
    return np.rint(means).clip(0, 255).astype(np.uint8).tobytes()


def _add_rest(pixels: Pixels, picture: Pixels, *, side: int) -> Pixels:
    """Return the picture with the incomplete windows at the right and the bottom of `pixels`."""
    height, width = picture.shape[:2]
    right = pixels[: height * side, width * side :]
    if right.size:
        column = cv2.resize(right, (1, height), interpolation=cv2.INTER_AREA)
        picture = np.hstack([picture, column.reshape(height, 1, 3)])
    below = pixels[height * side :]
    if below.size:
        row = cv2.resize(below, (picture.shape[1], 1), interpolation=cv2.INTER_AREA)
        picture = np.vstack([picture, row.reshape(1, -1, 3)])
    return picture


def _find_factor(image: OpenedImage) -> float:
    """Return how many pixels of the photo one pixel of `image` covers along each side.

    A decoder that reduces by a whole factor rounds the sides up.
    """
    height, width = image.pixels.shape[:2]
    whole = -(-max(image.width, image.height) // max(width, height))
    if (-(-image.width // whole), -(-image.height // whole)) == (width, height):
        return float(whole)
    return max(image.width, image.height) / max(width, height)


def _find_start(image: OpenedImage, *, axis: int, side: int) -> float:
    """Return where the photo begins: in a flipped picture, the incomplete pixel comes first."""
    flipped = _FLIPPED_ACROSS if axis else _FLIPPED_DOWN
    if image.orientation not in flipped:
        return 0.0
    full = (image.width if axis else image.height) / _find_factor(image)
    return max(0.0, image.pixels.shape[axis] - full) / side


class _Side:
    """One side of a picture of `size` pixels, which the photo fills for `length` from `start`."""

    def __init__(self, size: int, length: float, start: float) -> None:
        edges = np.clip(np.arange(size + 1) - start, 0.0, length)
        self._shown = np.diff(edges)
        self._centres = (edges[1:] + edges[:-1]) / 2
        self._length = length

    def weigh(self, grid: int) -> Floats:
        """Return the weight of each pixel in the mean of each window, float32 (grid, size)."""
        step = self._length / grid
        windows = (np.arange(grid)[:, None] + 0.5) * step
        falls = np.maximum(0.0, 1.0 - np.abs(self._centres - windows) / max(step, 1.0))
        weights = falls * self._shown
        return np.asarray(
            weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), np.float32
        )

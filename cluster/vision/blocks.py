"""The means of small blocks of a picture, by which two pictures are compared closely."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cluster.core.blocks import GRID
from cluster.vision.images import OpenedImage

_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""JFIF's colours: BT.601 in its full range."""

_FLIPPED_ACROSS = (2, 3, 6, 7)
_FLIPPED_DOWN = (3, 4, 7, 8)


def make_blocks(image: OpenedImage, picture: npt.NDArray[np.uint8], *, side: int) -> bytes:
    """Return the means of Y, Cb and Cr over a grid of GRID x GRID blocks of the whole photo.

    `picture` holds the means of squares of `side` pixels of `image`, from the left and the top; a
    rest at the far edges may be missing. uint8 of shape (3, GRID, GRID).
    """
    height, width = picture.shape[:2]
    factor = _find_factor(image)
    across = _weigh(
        width,
        full=image.width / (factor * side),
        is_flipped=image.orientation in _FLIPPED_ACROSS,
        decoded=image.pixels.shape[1] / side,
    )
    down = _weigh(
        height,
        full=image.height / (factor * side),
        is_flipped=image.orientation in _FLIPPED_DOWN,
        decoded=image.pixels.shape[0] / side,
    )
    rows = down @ picture.reshape(height, width * 3).astype(np.float32)
    means = across @ rows.reshape(GRID, width, 3)
    blocks = means @ _TO_YCC.T + np.array([0, 128, 128], np.float32)
    return np.rint(blocks).clip(0, 255).astype(np.uint8).transpose(2, 0, 1).tobytes()


def _find_factor(image: OpenedImage) -> float:
    """Return how many pixels of the photo one pixel of `image` stands for, along each side.

    A decoder that reduces by a whole number rounds the sides up.
    """
    height, width = image.pixels.shape[:2]
    whole = -(-max(image.width, image.height) // max(width, height))
    if (-(-image.width // whole), -(-image.height // whole)) == (width, height):
        return float(whole)
    return max(image.width, image.height) / max(width, height)


def _weigh(size: int, *, full: float, is_flipped: bool, decoded: float) -> npt.NDArray[np.float32]:
    """Return the share (GRID, size) of each pixel in the mean of each block along one side.

    The photo is `full` pixels long, of `decoded` whose last one may be a part only; when the
    picture was flipped, that is the first.
    """
    start = max(0.0, decoded - full) if is_flipped else 0.0
    edges = start + np.linspace(0.0, full, GRID + 1)
    edges = np.minimum(edges, size)
    pixels = np.arange(size)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    shares = np.maximum(high - low, 0.0)
    return (shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)

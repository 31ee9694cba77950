"""Recognises a line of text, such as a date, that was printed over a picture.

A line is much wider than high and has no wide gaps. Most of its letters have the same colour and
about the height of the line. A row of heads is higher and has several colours.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

MIN_ASPECT = 2.5
MIN_FILLED_COLUMNS = 0.5
MIN_LETTERS = 3
MIN_LETTER_HEIGHT = 0.3
MIN_INK, MAX_INK = 0.05, 0.6
INK_LEVELS = 20

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Area = tuple[slice, slice]


def find_line(changed: Mask) -> Area | None:
    """Return the rows and columns around all changes; None if these do not form a line."""
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return None
    height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    if width < MIN_ASPECT * height or len(columns) < MIN_FILLED_COLUMNS * width:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def is_lettering(line: Pixels) -> bool:
    """Tell whether a part of a picture, uint8 (H, W, 3), shows a row of letters of one colour."""
    levels = (line.reshape(-1, 3) >> 4).astype(np.int32) @ np.array([256, 16, 1])
    counts = np.bincount(levels, minlength=4096)
    return any(_are_letters(_find_ink(line, levels == one)) for one in counts.argsort()[-3:])


def _find_ink(line: Pixels, is_near: Mask) -> Mask:
    colour = np.median(line.reshape(-1, 3)[is_near], axis=0) if is_near.any() else 0
    return np.asarray((np.abs(line - colour) <= INK_LEVELS).all(axis=2), np.bool_)


def _are_letters(ink: Mask) -> bool:
    if not MIN_INK <= float(ink.mean()) <= MAX_INK:
        return False
    _, _, found, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    heights, widths = found[1:, cv2.CC_STAT_HEIGHT], found[1:, cv2.CC_STAT_WIDTH]
    are_tall = heights >= MIN_LETTER_HEIGHT * len(ink)
    are_narrow = widths <= 2 * len(ink)
    return int((are_tall & are_narrow).sum()) >= MIN_LETTERS

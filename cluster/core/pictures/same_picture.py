"""Compares the blocks of two pictures to prove that both are the same picture, saved twice.

The blocks of a picture are means over small overlapping windows, spread evenly over the picture:
LUMA_GRID x LUMA_GRID of luma, then CHROMA_GRID x CHROMA_GRID each of blue and red chroma, as bytes,
row by row. The weight of a window falls linearly from its centre to the centres of its neighbours,
so that an edge that saving has blurred counts little.

The numbers come from bench/duplicates.py. In a photo of 1,200 pixels, a window covers 50. The heads
of two people, 60 pixels large and at the same place, differ by at least 4 levels; a grid of 24 x 24
without overlap would see a difference of 1. Saving with JPEG quality 40, or at a third of the size,
changes a window by up to 2 levels, and more only where its neighbours differ a lot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

LUMA_GRID = 48
CHROMA_GRID = 12
LUMA_BYTES = LUMA_GRID**2
BLOCKS_BYTES = LUMA_BYTES + 2 * CHROMA_GRID**2

MAX_FLAT_DIFFERENCE = 2.0
"""The allowed difference in levels of luma where the picture is flat."""

MIN_FLAT_DIFFERENCE = 1.0
FULL_RANGE = 128
"""Levels between the darkest and the brightest window. A picture with a smaller range, such as a
dark one, is allowed a smaller difference."""

CONTRAST_SHARE = 1 / 48
"""How much blurring may add, as a share of the difference between a window's neighbours."""

MAX_CHROMA_DIFFERENCE = 3.0

FULL_SIDE_PX = 800
"""In a picture with a shorter long side, a window has few pixels, and saving changes it more."""

MAX_REDUCTION = 4
"""The limits stop growing when one picture is this many times smaller than the other."""


def are_blocks_same(one: bytes, other: bytes, *, long_sides: tuple[int, int]) -> bool:
    """Tell whether no block differs by more than saving again changes it.

    `long_sides` are those of the two photos, in pixels. Unknown blocks give False.
    """
    if len(one) != BLOCKS_BYTES or len(other) != BLOCKS_BYTES:
        return False
    looseness = _loosen(*long_sides)
    differences = [abs(a - b) for a, b in zip(one, other, strict=True)]
    if max(differences[LUMA_BYTES:]) > MAX_CHROMA_DIFFERENCE * looseness:
        return False
    flat = looseness * min(_find_flat(one), _find_flat(other))
    share = looseness * CONTRAST_SHARE
    luma = differences[:LUMA_BYTES]
    if max(luma) <= flat:
        return True
    if max(luma) > flat + 255 * share:
        return False
    contrasts = map(min, _list_contrasts(one), _list_contrasts(other))
    return all(d <= flat + share * c for d, c in zip(luma, contrasts, strict=True))


def _loosen(one_px: int, other_px: int) -> float:
    small, large = sorted((max(1, one_px), max(1, other_px)))
    return max(1.0, FULL_SIDE_PX / max(small, large / MAX_REDUCTION))


def _find_flat(blocks: bytes) -> float:
    luma = blocks[:LUMA_BYTES]
    used = (max(luma) - min(luma)) / FULL_RANGE
    return MAX_FLAT_DIFFERENCE * min(1.0, max(MIN_FLAT_DIFFERENCE / MAX_FLAT_DIFFERENCE, used))


def _list_contrasts(blocks: bytes) -> list[int]:
    """Return for each luma window the range of levels among it and its eight neighbours."""
    starts = range(0, LUMA_BYTES, LUMA_GRID)
    rows = [blocks[start : start + LUMA_GRID] for start in starts]
    highest, lowest = _widen(rows, max), _widen(rows, min)
    return [high - low for high, low in zip(highest, lowest, strict=True)]


def _widen(rows: Sequence[Sequence[int]], pick: Callable[..., int]) -> list[int]:
    across = [[*map(pick, *_shift(row))] for row in map(list, rows)]
    return [one for three in zip(*_shift(across), strict=True) for one in map(pick, *three)]


def _shift(values: list[T]) -> tuple[list[T], list[T], list[T]]:
    """Return the values shifted by one to the right, unshifted, and shifted to the left.

    The first and the last value are repeated at the ends.
    """
    return [*values[:1], *values[:-1]], values, [*values[1:], *values[-1:]]

"""Which input sizes the detector looks at a photo with."""

from __future__ import annotations

STEP_PX = 32
"""SCRFD's coarsest level has one place for every 32 pixels."""


def fit_size(width: int, height: int, long_side_px: int) -> tuple[int, int]:
    """Return (width, height) of the smallest input that a photo fits in at this long side."""
    scale = long_side_px / max(width, height)
    return _round_up(width * scale), _round_up(height * scale)


def _round_up(side: float) -> int:
    return max(STEP_PX, -int(-round(side) // STEP_PX) * STEP_PX)


def plan_sizes(width: int, height: int) -> tuple[tuple[int, int], ...]:
    """Return the sizes for a photo of `width` x `height` pixels, upright and full size."""
    return (fit_size(width, height, 128), fit_size(width, height, 640))

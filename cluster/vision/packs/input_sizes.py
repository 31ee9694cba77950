"""Which input sizes the detector looks at a photo with.

InsightFace 2.1 looks at every photo twice: fitted into 128 x 128, for a face that fills the frame,
and into 640 x 640. Two things make that cheaper without losing a face:

* an input has the photo's shape instead of a square with black bars (a quarter less for 4:3);
* a small photo is looked at with 128 alone, where its smallest faces still have their pixels, and
  with 640 only when that leaves a doubt: no face at all, or something that might be one.

A larger photo in which nothing was found gets one more small look, shrunk smoothly: InsightFace
leaves out pixels, which hides the faces of grainy and dithered photos.

Measured with the stand-in pack against InsightFace's automatic setting: bench/RESULTS.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cluster.vision.packs.scrfd import Candidates, Size

STEP_PX = 32
"""SCRFD's coarsest level has one place for every 32 pixels."""

SMALL_PX = 128
LARGE_PX = 640

SMALL_PHOTO_PX = 256
"""In a photo up to this long side, a face of 20 pixels has at least 10 when it is fitted in 128."""

DOUBT_SHARE = 0.2
"""A score from this share of the wanted one on leaves a doubt (0.1 of 0.5)."""

_SAME_FACE_OVERLAP = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """Look with `always`, and with `in_doubt` too where that leaves a doubt.

    Where nothing was found in a dithered photo, look with `when_empty` at it shrunk smoothly: the
    detector's usual way of shrinking leaves its dots as noise.
    """

    always: tuple[Size, ...]
    in_doubt: tuple[Size, ...] = ()
    when_empty: tuple[Size, ...] = ()


def plan_sizes(width: int, height: int) -> Plan:
    """Return the input sizes for a photo of `width` x `height` pixels, upright and full size."""
    small, large = (fit_size(width, height, side) for side in (SMALL_PX, LARGE_PX))
    if max(width, height) <= SMALL_PHOTO_PX:
        return Plan((small,), (large,))
    return Plan((small, large), when_empty=(small,))


def fit_size(width: int, height: int, long_side_px: int) -> Size:
    """Return (width, height) of the smallest input that holds a photo at this long side."""
    scale = long_side_px / max(width, height)
    return _round_up(width * scale), _round_up(height * scale)


def _round_up(side: float) -> int:
    return max(STEP_PX, -(-round(side) // STEP_PX) * STEP_PX)


def leaves_doubt(found: Candidates, *, min_score: float, min_side_px: float) -> bool:
    """Tell whether a closer look may show more faces than `found` has from `min_score` on.

    True when there is none, or when a candidate that is too weak, but large enough, lies apart
    from all that are sure.
    """
    is_sure = found.scores >= min_score
    if not is_sure.any():
        return True
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).min(axis=1)
    weak = found.boxes[~is_sure & (sides >= min_side_px)]
    overlaps = _overlaps(weak, found.boxes[is_sure])
    return bool((overlaps < _SAME_FACE_OVERLAP).all(axis=1).any())


def _overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return intersection over union (n, m) of boxes (n, 4) and (m, 4)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    overlaps: np.ndarray = shared / np.maximum(union, 1e-9)
    return overlaps

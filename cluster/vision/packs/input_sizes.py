"""Chooses the input sizes in which the detector searches a photo.

InsightFace 2.1 searches every photo twice: scaled into 128 x 128, for a face that fills the frame,
and into 640 x 640. Two changes reduce the cost without losing a face:

* The input has the shape of the photo instead of a square with black bars, which saves a quarter
  for 4:3.
* A small photo is searched at 128 first, where its smallest faces are still large enough. It is
  searched at 640 only in case of doubt: no face was found, or a candidate that may be a face.

A larger, dithered photo without a face is searched again at 128, shrunk with averaging, because
InsightFace skips pixels, which hides the faces of grainy and dithered photos.

bench/RESULTS.md compares this with InsightFace's automatic setting, using the stand-in pack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cluster.vision.packs.scrfd import Candidates, Size

STEP_PX = 32
"""Sides are multiples of this, because SCRFD's coarsest level has one cell for every 32 pixels."""

SMALL_PX = 128
LARGE_PX = 640

SMALL_PHOTO_PX = 256
"""The longest side of a small photo. Scaled into 128, its faces of 20 pixels have at least 10."""

DOUBT_SHARE = 0.2
"""Scores of at least this share of the minimum leave a doubt (0.1 for a minimum of 0.5)."""

_SAME_FACE_OVERLAP = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """The input sizes for one photo.

    The sizes in `always` are searched first, and the sizes in `in_doubt` in case of doubt. If no
    face is found in a dithered photo, it is searched in the sizes `when_empty`, shrunk with
    averaging, because otherwise its dots become noise.
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
    """Return (width, height) of the smallest input that fits a photo with this long side."""
    scale = long_side_px / max(width, height)
    return _round_up(width * scale), _round_up(height * scale)


def _round_up(side: float) -> int:
    return max(STEP_PX, -(-round(side) // STEP_PX) * STEP_PX)


def leaves_doubt(found: Candidates, *, min_score: float, min_side_px: float) -> bool:
    """Tell whether a larger input may show more faces than `found` has.

    True if no candidate reaches `min_score`, or if a weaker one that is large enough overlaps with
    none of those that do.
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

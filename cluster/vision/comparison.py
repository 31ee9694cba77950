"""How much of a picture is found again in another one that has been laid over it.

What was edited all over (brightness, contrast, colours, black and white) is taken out by a fit:
each colour of the new picture follows from the three of the old one. What then still differs by
more than a pixel's shift explains is another picture, or something painted over this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Evidence:
    """`overlap` is the share of the old picture that the new one covers.

    `correlation` is that of the pictures after the fit; `excess` (H, W) is by how many levels each
    pixel of the old picture differs, 0 where it is not covered.
    """

    overlap: float
    correlation: float
    gain: float
    excess: Floats
    old: Floats
    fitted: Floats
    laid: Floats
    mask: Mask


def compare(old: Pixels, laid: Pixels, mask: Mask) -> Evidence:
    """Compare a picture with another one that has been laid over it where `mask` says."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    before, after = _smooth(old), _smooth(laid)
    fitted = _fit(before, after, inner)
    kernel = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(fitted, kernel), cv2.dilate(fitted, kernel)
    excess = np.maximum(low - after, after - high).max(axis=2)
    excess = np.where(inner, np.maximum(excess, 0), 0).astype(np.float32)
    spread = float(before[inner].std()) if inner.any() else 0.0
    gain = float(fitted[inner].std()) / max(spread, 1e-6) if inner.any() else 0.0
    return Evidence(
        float(inner.mean()),
        _correlate(fitted, after, inner),
        gain,
        excess,
        before,
        fitted,
        after,
        inner,
    )


def _smooth(picture: Pixels) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (3, 3), 0.8), np.float32)


def _fit(before: Floats, after: Floats, mask: Mask) -> Floats:
    luma = before @ np.array([0.299, 0.587, 0.114], np.float32)
    terms = np.dstack([before, luma**2 / 255, np.full_like(luma, 255.0)])
    x, y = terms[mask][::7], after[mask][::7]
    if len(x) < 50:
        return before
    weights = np.ones(len(x), np.float32)
    for _ in range(4):
        factors = np.linalg.lstsq(x * weights[:, None], y * weights[:, None], rcond=None)[0]
        errors = np.abs(x @ factors - y).max(axis=1)
        weights = (errors <= max(4.0, 2.5 * float(np.median(errors)))).astype(np.float32)
    return np.asarray((terms @ factors).clip(0, 255), np.float32)


def _correlate(one: Floats, other: Floats, mask: Mask) -> float:
    if mask.sum() < 50:
        return 0.0
    a, b = one.mean(axis=2)[mask], other.mean(axis=2)[mask]
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / max(float(np.sqrt((a @ a) * (b @ b))), 1e-6))

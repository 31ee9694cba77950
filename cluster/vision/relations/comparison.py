"""Measures how well a picture agrees with another one that is aligned with it.

A fit removes edits of the whole picture (brightness, contrast, colours, black and white): it
predicts each colour of the new picture from the three colours of the old one. A remaining
difference that a shift by one pixel does not explain means that something was painted over the
picture, or that it is another picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

ROUNDS = 4
SAMPLED = 5
MIN_FITTED = 100
DARKEST, BRIGHTEST = 4, 251
"""Colours beyond these limits may have been clipped by an edit, so they cannot be predicted."""

NEARLY_DARKEST, NEARLY_BRIGHTEST = 30, 225
CUT_SHARE = 0.003

WINDOW_PX = 5
"""The side of a window. A head of 60 pixels in a photo of 1,200 has 13 in the thumbnail."""

USUAL_SPREAD = 50.0
"""The standard deviation of a typical photo in daylight, in levels."""

MIN_SPREAD_SHARE = 0.4

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Evidence:
    """How two aligned pictures agree where they overlap.

    `overlap` is the share of the old picture that the new one covers. `correlation` is the
    correlation of the two after the fit. `differences` float32 (H, W) are the mean differences in
    the small window around each pixel, in levels of a picture of usual contrast; `largest` is the
    largest of them. `toning` is the mean change that the fit made to the old picture, in levels.
    """

    overlap: float
    correlation: float
    largest: float
    toning: float
    differences: Floats


def compare(old: Pixels, laid: Pixels, mask: Mask) -> Evidence:
    """Compare a picture with another one, aligned with it, that covers it where `mask` is true.

    Both pictures are uint8 RGB (H, W, 3); `mask` is bool (H, W).
    """
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    overlap = float(inner.mean())
    if int(inner.sum()) < MIN_FITTED * SAMPLED:
        return Evidence(overlap, 0.0, 255.0, 0.0, np.zeros(mask.shape, np.float32))
    before, after = _smooth(old), _smooth(laid)
    fitted = _fit(before, after, inner)
    is_counted = inner[..., None] & ~_find_cut(fitted, after, inner)
    excess = np.where(is_counted, _measure_excess(fitted, after), np.float32(0))
    spread = max(MIN_SPREAD_SHARE, float(fitted[inner].std()) / USUAL_SPREAD)
    means = np.asarray(cv2.blur(excess.max(axis=2), (WINDOW_PX, WINDOW_PX)) / spread, np.float32)
    toning = float(np.abs(fitted - before)[inner].mean())
    correlation = _correlate(fitted, after, inner)
    return Evidence(overlap, correlation, float(means.max()), toning, means)


def _smooth(picture: Pixels) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (3, 3), 0.8), np.float32)


def _measure_excess(fitted: Floats, after: Floats) -> Floats:
    """Return by how many levels each colour (H, W, 3) is outside the range of its neighbours."""
    kernel = np.ones((3, 3), np.uint8)
    excess = np.maximum(cv2.erode(fitted, kernel) - after, after - cv2.dilate(fitted, kernel))
    return np.asarray(excess.clip(0), np.float32)


def _find_cut(fitted: Floats, after: Floats, mask: Mask) -> Mask:
    """Return a mask of the colours (H, W, 3) that an edit may have clipped.

    These prove nothing, because the mean of clipped colours is not the clipped mean.
    """
    shown, is_cut = after[mask], np.zeros(after.shape, np.bool_)
    if float((shown > BRIGHTEST).mean()) > CUT_SHARE:
        is_cut |= np.maximum(fitted, after) > NEARLY_BRIGHTEST
    if float((shown < DARKEST).mean()) > CUT_SHARE:
        is_cut |= np.minimum(fitted, after) < NEARLY_DARKEST
    return is_cut


def _fit(before: Floats, after: Floats, mask: Mask) -> Floats:
    terms = _list_terms(before)
    x, y = terms[mask][::SAMPLED], after[mask][::SAMPLED]
    factors = np.stack([_fit_colour(x, colour) for colour in y.T], axis=1)
    return np.asarray((terms @ factors).clip(0, 255), np.float32)


def _fit_colour(x: Floats, y: Floats) -> Floats:
    """Return the factors (terms,) of the robust least-squares fit: outliers are left out.

    A clipped colour is known only to lie beyond the limit (as in Tobin, Econometrica 1958). It
    counts only where the fit predicts a colour within the limits.
    """
    is_cut = (y < DARKEST) | (y > BRIGHTEST)
    weights = (~is_cut).astype(np.float32)
    for _ in range(ROUNDS):
        factors = np.linalg.lstsq(x * weights[:, None], y * weights, rcond=None)[0]
        fitted = (x @ factors).clip(0, 255)
        errors = np.abs(fitted - y)
        is_beyond = is_cut & ((fitted < DARKEST) | (fitted > BRIGHTEST))
        limit = max(4.0, 2.5 * float(np.median(errors)))
        weights = ((errors <= limit) & ~is_beyond).astype(np.float32)
    return np.asarray(factors, np.float32)


def _list_terms(picture: Floats) -> Floats:
    """Return the terms of the fit for each pixel: colours, their squares, luma's cube, and 1."""
    colours = picture / 255
    luma = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.dstack([colours, colours**2, luma**3, np.ones_like(luma)])


def _correlate(one: Floats, other: Floats, mask: Mask) -> float:
    a, b = one.mean(axis=2)[mask], other.mean(axis=2)[mask]
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / max(float(np.sqrt((a @ a) * (b @ b))), 1e-6))

"""Vectors rounded to whole steps of a grid, and how much that leaves out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CLIPS = (3.0, 3.5, 4.0, 5.0, 7.0, 10.0, 16.0, math.inf)
"""Where the grid may end, in root mean squares of a component. Face embeddings want 3.5 or 4."""

TRIED = 1024
ROWS_AT_ONCE = 512
FLOAT_SLACK = 1e-6
"""What float32 may add to the length of what is left out (vectors of length 1, d <= 2048)."""


@dataclass(frozen=True)
class Rounded:
    """`values` int8 (n, d), in steps of `step`; `lost` float64 (n,), how long what they lack is.

    `longest` is the length of the longest vector, rounded or not.
    """

    values: npt.NDArray[np.int8]
    step: float
    lost: npt.NDArray[np.float64]
    longest: float


def round_vectors(
    vectors: npt.NDArray[np.float32], places: npt.NDArray[np.int64], *, levels: int
) -> Rounded:
    """Return the vectors at `places` rounded to -levels to levels steps."""
    step = _choose_step(vectors[places[:TRIED]], levels)
    values = np.empty((len(places), vectors.shape[1]), dtype=np.int8)
    lost, longest = np.empty(len(places)), 0.0
    for at in range(0, len(places), ROWS_AT_ONCE):
        part = slice(at, at + ROWS_AT_ONCE)
        rows = vectors[places[part]]
        rounded = _round(rows, step, levels)
        values[part] = rounded
        rounded *= step
        longest = max(longest, float(_lengths(rows).max()), float(_lengths(rounded).max()))
        rows -= rounded
        lost[part] = _lengths(rows) + FLOAT_SLACK
    return Rounded(values, float(step), lost, longest + FLOAT_SLACK)


def split_slack(
    slack: npt.NDArray[np.float64], *, digit: int, weight: int
) -> npt.NDArray[np.int64]:
    """Return rows of whole numbers, 0 to digit, whose sum times `weight` is `slack` or a bit more.

    int64 (n, c), with c as small as the largest slack allows.
    """
    rest = np.ceil(slack / weight).astype(np.int64)
    width = -(-int(rest.max(initial=0)) // digit)
    return np.clip(rest[:, None] - np.arange(width) * digit, 0, digit)


def _choose_step(sample: npt.NDArray[np.float32], levels: int) -> np.float32:
    """Return the step that leaves least out of the sample: coarse for all, or cut off for some."""
    usual = math.sqrt(float(np.square(sample).mean())) if sample.size else 0.0
    largest = float(np.abs(sample).max(initial=0))
    steps = [np.float32(min(clip * usual, largest) / levels) for clip in CLIPS if largest]
    return min(
        steps,
        key=lambda step: float(_lengths(sample - _round(sample, step, levels) * step).mean()),
        default=np.float32(1),
    )


def _round(
    vectors: npt.NDArray[np.float32], step: np.float32, levels: int
) -> npt.NDArray[np.float32]:
    rounded = vectors / step
    np.rint(rounded, out=rounded)
    return np.clip(rounded, -levels, levels, out=rounded)


def _lengths(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))

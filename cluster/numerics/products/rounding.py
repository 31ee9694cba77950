"""Rounds vectors to whole steps, and bounds the rounding error of each vector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CLIPS = (3.0, 3.5, 4.0, 5.0, 7.0, 10.0, 16.0, math.inf)
"""Candidates for the largest representable value, in root mean squares of a component.

The best one for the given vectors is chosen; for face embeddings it is 3.5 or 4.
"""

TRIED = 1024
"""The number of vectors from which the step is chosen."""

ROWS_AT_ONCE = 512
FLOAT_SLACK = 1e-6
"""The largest error of a norm that is computed in float32 (vectors of length 1, d <= 2048)."""


@dataclass(frozen=True)
class Rounded:
    """Rounded vectors: `values` int8 (n, d), in units of `step`.

    `error_norms` float64 (n,) are upper bounds of the Euclidean norm of each vector's rounding
    error. `largest_norm` is an upper bound of the norms of all vectors, rounded and not.
    """

    values: npt.NDArray[np.int8]
    step: float
    error_norms: npt.NDArray[np.float64]
    largest_norm: float


def round_vectors(
    vectors: npt.NDArray[np.float32], places: npt.NDArray[np.int64], *, levels: int
) -> Rounded:
    """Return the vectors at `places`, rounded to whole steps from -`levels` to `levels`."""
    step = _choose_step(vectors[places[:TRIED]], levels)
    values = np.empty((len(places), vectors.shape[1]), dtype=np.int8)
    error_norms, largest_norm = np.empty(len(places)), 0.0
    for at in range(0, len(places), ROWS_AT_ONCE):
        part = slice(at, at + ROWS_AT_ONCE)
        rows = vectors[places[part]]
        rounded = _round(rows, step, levels)
        values[part] = rounded
        rounded *= step
        largest_norm = max(largest_norm, float(_norms(rows).max()), float(_norms(rounded).max()))
        rows -= rounded
        error_norms[part] = _norms(rows) + FLOAT_SLACK
    return Rounded(values, float(step), error_norms, largest_norm + FLOAT_SLACK)


def split_slack(
    slack: npt.NDArray[np.float64], *, digit: int, weight: int
) -> npt.NDArray[np.int64]:
    """Return each slack as a row of whole numbers from 0 to `digit`, int64 (n, c).

    The sum of a row times `weight` is at least the slack, and less than `weight` above it. The
    largest slack determines c.
    """
    rest = np.ceil(slack / weight).astype(np.int64)
    width = -(-int(rest.max(initial=0)) // digit)
    return np.clip(rest[:, None] - np.arange(width) * digit, 0, digit)


def _choose_step(sample: npt.NDArray[np.float32], levels: int) -> np.float32:
    """Return the step with the smallest mean rounding error on the sample.

    A large step is coarse for all components; a small step clips the largest ones.
    """
    usual = math.sqrt(float(np.square(sample).mean())) if sample.size else 0.0
    largest = float(np.abs(sample).max(initial=0))
    steps = [np.float32(min(clip * usual, largest) / levels) for clip in CLIPS if largest]
    return min(
        steps,
        key=lambda step: float(_norms(sample - _round(sample, step, levels) * step).mean()),
        default=np.float32(1),
    )


def _round(
    vectors: npt.NDArray[np.float32], step: np.float32, levels: int
) -> npt.NDArray[np.float32]:
    rounded = vectors / step
    np.rint(rounded, out=rounded)
    return np.clip(rounded, -levels, levels, out=rounded)


def _norms(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))

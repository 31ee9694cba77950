"""Finds people who may be one child in different years.

A face changes most in childhood, so one child may be grouped into several people of different
years. They are more alike than strangers, and one begins about when the other ends. Siblings are as
alike, but are photographed in the same years, and together. The pairs found here are suggested to
users, and never merged without an answer.

The likelihood of a pair is the product of three numbers from 0 to 1. It serves for ordering, and is
not a probability:

* likeness: 1 at the threshold, where faces begin to count as different people, 0 at the wider
  limit;
* succession: 1 when one of them begins as the other ends. A gap of a year divides it by e. If the
  two overlap, it falls with the part of the shorter span that they share.
* apartness: 1 without a photo of both, 0 if both are in a tenth of the photos of the rarer one. So
  a collage, or a picture on a wall, does not exclude a pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GAP_DAYS = 365.0
LONGEST_GAP_DAYS = 3 * 365
MOST_TOGETHER = 0.1
LEAST_LIKELIHOOD = 0.05
FEWEST_PHOTOS = 2
"""A single photo is not a span of time."""

EDGE_PERCENT = 5
"""The percentage of photos that a span leaves out at each end, because some times are wrong."""

_BLOCK = 1024

Days = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Appearances:
    """The photos of one person: `image_ids` int64 (n,), each once, and `days` int64 (k,), k <= n.

    The days are those of the photos whose time is known, in any order. They count from the same
    arbitrary day for all people.
    """

    image_ids: npt.NDArray[np.int64]
    days: Days


@dataclass(frozen=True, slots=True)
class Childhood:
    """Two people, by their positions, who may be one child; `first` was photographed earlier."""

    first: int
    second: int
    likelihood: float


def find_childhoods(
    centroids: npt.NDArray[np.float32],
    appearances: Sequence[Appearances],
    *,
    threshold: float,
    wide_threshold: float,
) -> list[Childhood]:
    """Return the pairs of people who may be one child in different years, likeliest first.

    `centroids` float32 (p, d) are L2-normalised; `appearances` are those of the same p people. A
    pair is more than `threshold` and at most `wide_threshold` apart (Euclidean distance, 0 to 2);
    within `threshold`, the pack takes two faces for the same person. People in fewer than
    FEWEST_PHOTOS photos with a known time are left out. Equally likely pairs are ordered by
    position, so the result is deterministic.
    """
    spans = np.array([_find_span(one.days) for one in appearances]).reshape(-1, 2)
    found = []
    for one, other, likelihood in _list_likely(centroids, spans, threshold, wide_threshold):
        first, second = (other, one) if tuple(spans[other]) < tuple(spans[one]) else (one, other)
        images = appearances[one].image_ids, appearances[other].image_ids
        likelihood *= _apartness(*images)
        if likelihood >= LEAST_LIKELIHOOD:
            found.append(Childhood(first, second, likelihood))
    return sorted(found, key=lambda pair: (-pair.likelihood, pair.first, pair.second))


Spans = npt.NDArray[np.float64]
"""The first and the last day of each person, (p, 2); NaN without a span."""


def _list_likely(
    centroids: npt.NDArray[np.float32], spans: Spans, threshold: float, wide_threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Yield positions i < j and likeness times succession of each pair that is likely enough."""
    for begin in range(0, len(centroids), _BLOCK):
        products = centroids[begin : begin + _BLOCK] @ centroids[begin:].T
        distances = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * products))
        rows, others = np.nonzero((distances > threshold) & (distances <= wide_threshold))
        is_pair = rows < others
        rows, others = rows[is_pair], others[is_pair]
        likeness = (wide_threshold - distances[rows, others]) / (wide_threshold - threshold)
        rows, others = rows + begin, others + begin
        likelihoods = likeness * _succession(spans[rows], spans[others])
        for pair in np.flatnonzero(likelihoods >= LEAST_LIKELIHOOD).tolist():
            yield int(rows[pair]), int(others[pair]), float(likelihoods[pair])


def _find_span(days: Days) -> tuple[float, float]:
    """Return the first and the last day; NaN when there are too few."""
    if len(days) < FEWEST_PHOTOS:
        return math.nan, math.nan
    begins, ends = np.percentile(days, [EDGE_PERCENT, 100 - EDGE_PERCENT])
    return float(begins), float(ends)


def _succession(one: Spans, other: Spans) -> npt.NDArray[np.float64]:
    """Return the succession of each pair of spans, (k, 2) each; 0 without a span."""
    is_later = one[:, 0] > other[:, 0]
    earlier = np.where(is_later[:, None], other, one)
    later = np.where(is_later[:, None], one, other)
    gaps = later[:, 0] - earlier[:, 1]
    shorter = np.minimum(earlier[:, 1] - earlier[:, 0], later[:, 1] - later[:, 0])
    shared = np.minimum(earlier[:, 1], later[:, 1]) - later[:, 0]
    overlapping = np.where(
        shorter > 0, np.maximum(0.0, 1.0 - shared / np.where(shorter > 0, shorter, 1.0)), 0.0
    )
    apart = np.where(gaps > LONGEST_GAP_DAYS, 0.0, np.exp(-np.maximum(gaps, 0.0) / GAP_DAYS))
    return np.nan_to_num(np.where(gaps >= 0, apart, overlapping), nan=0.0)


def _apartness(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> float:
    shared = len(np.intersect1d(one, other)) / min(len(one), len(other))
    return max(0.0, 1.0 - shared / MOST_TOGETHER)

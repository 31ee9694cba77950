"""Finds people who may be one child in different years.

A face changes most in childhood, so the years of one child fall apart into several people: too
different to be grouped, yet more alike than strangers, and one begins about when the other ends.
Brothers and sisters are as alike, but are photographed in the same years, and together. The pairs
found here are to be suggested to users, never to be merged.

The likelihood of a pair is the product of three numbers from 0 to 1. It is an order, not a
probability:

* likeness: 1 at the distance from which on faces are different people, 0 at the wider limit;
* succession: 1 when one of them begins as the other ends. A gap of a year divides it by e. Where
  the two overlap, it falls with the part of the shorter time that both share.
* apartness: 1 without a photo of both, 0 when both are in a tenth of the photos of the rarer one.
  A collage, or a picture on a wall, does not rule a pair out.
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
"""One photo is no span of time."""

EDGE_PERCENT = 5
"""A span leaves out so many percent of the photos at each end, because single times are wrong."""

_BLOCK = 1024

Days = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Appearances:
    """The photos of one person: `image_ids` int64 (n,), each once, and `days` int64 (k,), k <= n.

    The days are those of the photos whose time is known, in any order. They count from any day, the
    same for all people.
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
    reach: float,
    wide_reach: float,
) -> list[Childhood]:
    """Return the pairs of people who may be one child in different years, likeliest first.

    `centroids` float32 (p, d) are L2-normalised; `appearances` are those of the same p people. A
    pair is more than `reach` and at most `wide_reach` apart (Euclidean distance, 0 to 2): up to
    `reach`, the pack itself calls two faces the same person. People in fewer than FEWEST_PHOTOS
    photos with a known time are left out. The order of equals follows the positions, so the answer
    is always the same.
    """
    spans = [_find_span(one.days) for one in appearances]
    found = []
    for one, other, distance in _near_pairs(centroids, reach=reach, wide_reach=wide_reach):
        left, right = spans[one], spans[other]
        if left is None or right is None:
            continue
        first, second = (other, one) if right < left else (one, other)
        likelihood = (
            (wide_reach - distance)
            / (wide_reach - reach)
            * _succession(min(left, right), max(left, right))
            * _apartness(appearances[one].image_ids, appearances[other].image_ids)
        )
        if likelihood >= LEAST_LIKELIHOOD:
            found.append(Childhood(first, second, likelihood))
    return sorted(found, key=lambda pair: (-pair.likelihood, pair.first, pair.second))


Span = tuple[float, float]
"""The first and the last day."""


def _find_span(days: Days) -> Span | None:
    if len(days) < FEWEST_PHOTOS:
        return None
    begins, ends = np.percentile(days, [EDGE_PERCENT, 100 - EDGE_PERCENT])
    return float(begins), float(ends)


def _near_pairs(
    centroids: npt.NDArray[np.float32], *, reach: float, wide_reach: float
) -> Iterator[tuple[int, int, float]]:
    """Yield positions i < j and the distance of each pair between both limits, block by block."""
    for begin in range(0, len(centroids), _BLOCK):
        block = centroids[begin : begin + _BLOCK]
        products = block @ centroids.T
        distances = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * products))
        is_near = (distances > reach) & (distances <= wide_reach)
        for row, other in np.argwhere(is_near).tolist():
            if begin + row < other:
                yield begin + row, other, float(distances[row, other])


def _succession(earlier: Span, later: Span) -> float:
    gap = later[0] - earlier[1]
    if gap > LONGEST_GAP_DAYS:
        return 0.0
    if gap >= 0:
        return math.exp(-gap / GAP_DAYS)
    shorter = min(earlier[1] - earlier[0], later[1] - later[0])
    shared = min(earlier[1], later[1]) - later[0]
    return max(0.0, 1.0 - shared / shorter) if shorter > 0 else 0.0


def _apartness(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> float:
    shared = len(np.intersect1d(one, other)) / min(len(one), len(other))
    return max(0.0, 1.0 - shared / MOST_TOGETHER)

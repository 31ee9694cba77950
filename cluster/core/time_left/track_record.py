"""Adapts the width of a band to the quality of the earlier forecasts of the same end.

A forecast is revised as time passes, and the width of a correct band predicts the size of the
revisions: they must account for the part of its variance that belongs to the time that has passed.
Actual revisions that are larger or smaller than predicted show that the bands of this session on
this machine are too narrow or too wide, long before its end (as in adaptive conformal inference:
Gibbs and Candes 2021, "Adaptive Conformal Inference Under Distribution Shift").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.core.time_left.timing import TimeRange

LAG_SHARE, LAG_S = 0.12, (3.0, 6.0)
"""A forecast is compared with an earlier one after LAG_SHARE of the time that was left then,
limited to LAG_S."""

PRIOR_WEIGHT, KEEP = 2.0, 0.75
"""The weight of a factor of 1, in revisions, and the factor by which each revision reduces the
weight of earlier ones."""

MOST_SURPRISE = 16.0
"""The largest squared revision, as a multiple of its variance, because a single jump proves
little."""

CLOCK_S = 0.25
"""Seconds by which an end is revised only because counts move in steps."""

LEAST_FACTOR, MOST_FACTOR = 0.3, 3.0


@dataclass(slots=True)
class TrackRecord:
    """The revisions of one end, and the `factor` for the width of its band."""

    _at: float | None = None
    _left_s: float = 0.0
    _spread_s: float = 0.0
    _sum: float = 0.0
    _weight: float = 0.0

    @property
    def factor(self) -> float:
        """From LEAST_FACTOR, without revisions, to MOST_FACTOR; 1 at first."""
        square = (PRIOR_WEIGHT + self._sum) / (PRIOR_WEIGHT + self._weight)
        return min(MOST_FACTOR, max(LEAST_FACTOR, math.sqrt(square)))

    def take(self, estimate: TimeRange, *, now: float) -> float:
        """Record the estimated time left at `now` (seconds), and return the factor."""
        if self._at is None or now < self._at:
            self._compare_from(estimate, now=now)
            return self.factor
        passed_s = now - self._at
        low, high = LAG_S
        if passed_s >= min(high, max(low, LAG_SHARE * self._left_s)):
            revised_s = passed_s + estimate.middle_s - self._left_s
            share = 1 - (max(0.0, self._left_s - passed_s) / max(self._left_s, passed_s)) ** 2
            expected = share * self._spread_s**2 + CLOCK_S**2
            self._sum = KEEP * self._sum + min(MOST_SURPRISE, revised_s**2 / expected)
            self._weight = KEEP * self._weight + 1
            self._compare_from(estimate, now=now)
        return self.factor

    def _compare_from(self, estimate: TimeRange, *, now: float) -> None:
        self._at, self._left_s = now, estimate.middle_s
        self._spread_s = estimate.middle_s * estimate.sigma

"""How good the forecasts of one end were so far: by how much its band is to be wider or narrower.

A forecast of an end is revised as time passes. A band that is right foretells by how much: of the
variance that it had, the part for the time that has passed since must have shown. So the
revisions that came, compared with those that were to come, tell of this session on this machine
whether its bands are too wide or too narrow, long before its end (as in adaptive conformal
inference: Gibbs and Candes 2021, "Adaptive Conformal Inference Under Distribution Shift").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.core.time_left.timing import TimeRange

LAG_SHARE, LAG_S = 0.12, (3.0, 6.0)
"""A forecast is compared with the one before it, after this share of the time that was left, but
within these seconds."""

PRIOR_WEIGHT, KEEP = 2.0, 0.75
"""What the bands as they are weigh, in revisions; and what each revision leaves of the others."""

MOST_SURPRISE = 16.0
"""The largest square of a revision, in variances: one jump alone tells little."""

CLOCK_S = 0.25
"""Seconds by which an end moves because counts move in steps."""

LEAST_FACTOR, MOST_FACTOR = 0.3, 3.0


@dataclass(slots=True)
class TrackRecord:
    """The revisions of one end. `factor` is what the width of its band is to be multiplied by."""

    _at: float | None = None
    _left_s: float = 0.0
    _spread_s: float = 0.0
    _sum: float = 0.0
    _weight: float = 0.0

    @property
    def factor(self) -> float:
        """From LEAST_FACTOR, where no end was revised, to MOST_FACTOR; 1 at the beginning."""
        square = (PRIOR_WEIGHT + self._sum) / (PRIOR_WEIGHT + self._weight)
        return min(MOST_FACTOR, max(LEAST_FACTOR, math.sqrt(square)))

    def take(self, estimate: TimeRange, *, now: float) -> float:
        """Take in what is estimated to be left at `now` (seconds); return the factor."""
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

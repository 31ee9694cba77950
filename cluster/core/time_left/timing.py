"""Ranges of time: a median with an 80 % band.

Durations are assumed to be log-normal: never negative, and twice the median is as likely as half.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cluster.core.sessions import PhaseName

BAND_Z = 1.2816
"""The normal quantile of 0.9: the band from 10 % to 90 % holds 80 % of the outcomes."""

SMALLEST_SIGMA, LARGEST_SIGMA = 0.03, 1.2
"""Bounds of sigma, the standard deviation of the logarithm. The largest one gives a band from a
fifth of the median to five times."""

TOGETHER = 0.35
"""The correlation of two parts of a session: a busy machine slows all of them down."""

SHORTEST_S = 1e-6
NEAR_S = 0.15
"""The least width of a band on each side, in seconds, because counts move in steps and clocks are
read late."""


class Scope(StrEnum):
    """The subject of a promise: the session or a phase, with the values of PhaseName."""

    SESSION = "session"
    TRAINING = "training"
    FACE_DETECTION = "face_detection"
    CLUSTERING = "clustering"

    @classmethod
    def of(cls, phase: PhaseName) -> Scope:
        """Return the scope of a phase."""
        return cls(phase.value)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A median in seconds, and the band from `low_s` to `high_s` with 80 % of the outcomes."""

    low_s: float
    middle_s: float
    high_s: float

    @property
    def sigma(self) -> float:
        """The standard deviation of the logarithm."""
        if self.middle_s <= 0:
            return SMALLEST_SIGMA
        high = max(self.high_s - NEAR_S, self.middle_s)
        return max(SMALLEST_SIGMA, math.log(high / self.middle_s) / BAND_Z)

    def after(self, passed_s: float) -> TimeRange:
        """Return the range that is left after `passed_s` seconds."""
        low_s, middle_s, high_s = (
            max(0.0, end_s - passed_s) for end_s in (self.low_s, self.middle_s, self.high_s)
        )
        return TimeRange(low_s, middle_s, high_s)


NO_TIME = TimeRange(0.0, 0.0, 0.0)


def spread(middle_s: float, sigma: float) -> TimeRange:
    """Return the band around a median (seconds, >= 0) with a logarithm's standard deviation."""
    middle_s = max(0.0, middle_s)
    factor = math.exp(BAND_Z * min(LARGEST_SIGMA, max(SMALLEST_SIGMA, sigma)))
    return TimeRange(max(0.0, middle_s / factor - NEAR_S), middle_s, middle_s * factor + NEAR_S)


def add_up(parts: Iterable[TimeRange]) -> TimeRange:
    """Return the band of the sum of durations that are correlated by TOGETHER.

    The sum of log-normal durations is taken as log-normal with the same mean and variance (Fenton
    1960, "The Sum of Log-Normal Probability Distributions in Scatter Transmission Systems").
    """
    means, deviations = [], []
    for part in parts:
        sigma = part.sigma
        mean = part.middle_s * math.exp(sigma * sigma / 2)
        means.append(mean)
        deviations.append(mean * math.sqrt(math.expm1(sigma * sigma)))
    mean = math.fsum(means)
    if mean <= SHORTEST_S:
        return spread(0.0, SMALLEST_SIGMA)
    alone = math.fsum(deviation * deviation for deviation in deviations)
    variance = (1 - TOGETHER) * alone + TOGETHER * math.fsum(deviations) ** 2
    sigma_squared = math.log1p(variance / (mean * mean))
    return spread(mean * math.exp(-sigma_squared / 2), math.sqrt(sigma_squared))


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a session at one moment.

    `worked_s` is how long it has worked, and `phases_s` how long each phase has worked in its
    attempt, both without pauses. `ranges` is the time left; a scope without an estimate is missing.
    `time_percentage` is the share of the session's time that has passed.
    """

    worked_s: float = 0.0
    phases_s: Mapping[PhaseName, float] = field(default_factory=dict)
    ranges: Mapping[Scope, TimeRange] = field(default_factory=dict)
    time_percentage: float = 0.0

"""How long a session would take, as a range, from what a few photos or earlier sessions cost.

A range holds the true time in 8 of 10 cases. Times vary by factors rather than by seconds, so a
range is symmetric in the logarithm: middle / f to middle * f.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.core.sessions import PhaseName

Z_80 = 1.2816
"""80 % of a normal distribution lie within so many standard deviations of its mean."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A time in seconds that lies between low and high in 8 of 10 cases; middle is the median."""

    low_s: float
    middle_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class PastPhase:
    """A phase of an earlier session: its items that took time, its seconds, and its faces.

    `searched` are the photos in which the `faces` were found; both are 0 in training.
    """

    items: int
    seconds: float
    searched: int = 0
    faces: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedPhoto:
    """What one photo cost in one process: seconds of CPU, and of waiting, and its faces.

    Reading means reading, decoding and fingerprinting; searching means finding its faces.
    """

    size_bytes: int
    pixels: int
    read_s: float
    read_wall_s: float
    search_s: float
    search_wall_s: float
    faces: int


@dataclass(frozen=True, slots=True)
class Probe:
    """A few photos of a library, timed.

    `warm_up_s` is the time of loading the models and using them once. A session may use `cpus`;
    others kept the share `others_busy` (0 to 1) of the machine's CPUs busy during the probe.
    """

    photos: tuple[ProbedPhoto, ...]
    warm_up_s: float
    cpus: int
    others_busy: float = 0.0

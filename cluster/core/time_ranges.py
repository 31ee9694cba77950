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


START_S, START_SPREAD = 2.0, 0.5
"""Listing, changing phases, and grouping in the smallest library."""

HASH_S = 0.002
READ_S, SEARCH_S, FACES = 0.03, 0.08, 1.0
"""For want of anything that was measured."""

READ_EACH_S = 0.002
READ_FACTOR, READ_SPREAD = 1.0, 0.2
SEARCH_FACTOR, SEARCH_SPREAD = 1.0, 0.2
PAST_SPREAD, UNMEASURED_SPREAD, LONE_SPREAD = 0.15, 0.9, 0.5
LEAST_FREE = 0.1
GROUPING_S, GROUPING_POWER = 0.4, 1.5


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

    `warm_up_s` is the time of loading the models and using them once. A session would read with
    `cpus` and search with `detectors`, which run on GPUs if `on_gpu`. Others kept the share
    `others_busy` (0 to 1) of the machine's CPUs busy during the probe.
    """

    photos: tuple[ProbedPhoto, ...]
    warm_up_s: float
    cpus: int
    detectors: int
    on_gpu: bool = False
    others_busy: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a session would do, in numbers of files and bytes.

    `to_read` files are read, `to_decode` of them are new pictures, and `to_search` are searched for
    faces. `known_faces` are grouped together with the new ones.
    """

    to_read: int
    bytes_to_read: int
    to_decode: int
    to_search: int
    known_faces: int


@dataclass(frozen=True, slots=True)
class Guess:
    """A number of seconds, and the standard deviation of its logarithm."""

    seconds: float
    spread: float


def expect_time(
    work: Work, *, probe: Probe | None, past: Mapping[PhaseName, Sequence[PastPhase]]
) -> TimeRange:
    """Return how long a session over this work takes, from its beginning to its end.

    Earlier sessions count more than a few photos, and a few photos more than nothing.
    """
    guesses = (
        Guess(START_S, START_SPREAD),
        Guess((work.to_read - work.to_decode) * HASH_S, 0.5),
        _weigh(
            _guess_from_past(work.to_decode, past.get(PhaseName.TRAINING, ()), probe),
            _guess_reading(work, probe),
        ),
        _weigh(
            _guess_from_past(work.to_search, past.get(PhaseName.FACE_DETECTION, ()), probe),
            _guess_searching(work, probe),
        ),
        _guess_grouping(work, probe, past),
    )
    seconds = sum(guess.seconds for guess in guesses)
    # The errors of the parts have mostly a common cause, the machine, so they add up.
    spread = sum(guess.seconds * guess.spread for guess in guesses) / seconds
    factor = math.exp(Z_80 * spread)
    return TimeRange(seconds / factor, seconds, seconds * factor)


def _guess_reading(work: Work, probe: Probe | None) -> Guess:
    """Guess the time of reading from a few photos: so much for each, and so much for each byte."""
    if probe is None:
        return Guess(work.to_decode * READ_S, UNMEASURED_SPREAD)
    photos = probe.photos
    sampled = sum(photo.size_bytes for photo in photos)
    each_s = min(READ_EACH_S, min(photo.read_s for photo in photos))
    by_byte = max(0.0, sum(photo.read_s for photo in photos) - each_s * len(photos)) / sampled
    known_bytes = work.bytes_to_read * work.to_decode / max(1, work.to_read)
    cpu_s = work.to_decode * each_s + known_bytes * by_byte
    wait_s = _mean([max(0.0, photo.read_wall_s - photo.read_s) for photo in photos])
    spread = _spread_of_mean([photo.read_s / photo.size_bytes for photo in photos])
    seconds = (cpu_s + wait_s * work.to_decode) * READ_FACTOR / _count_free(probe)
    return Guess(seconds, math.hypot(spread / 2, READ_SPREAD))


def _guess_searching(work: Work, probe: Probe | None) -> Guess:
    if probe is None:
        return Guess(work.to_search * SEARCH_S, UNMEASURED_SPREAD)
    if probe.on_gpu:  # The time of one photo at a time; batches are faster.
        mean_s = _mean([photo.search_wall_s for photo in probe.photos])
        return Guess(work.to_search * mean_s / probe.detectors, LONE_SPREAD)
    costs = [photo.search_s for photo in probe.photos]
    seconds = work.to_search * _mean(costs) * SEARCH_FACTOR
    seconds /= min(probe.detectors, _count_free(probe))
    return Guess(seconds, math.hypot(_spread_of_mean(costs), SEARCH_SPREAD))


def _guess_from_past(items: int, past: Sequence[PastPhase], probe: Probe | None) -> Guess | None:
    if not past:
        return None
    rates = [phase.seconds / phase.items for phase in past]
    logs = [math.log(rate) for rate in rates]
    spread = max(PAST_SPREAD, statistics.pstdev(logs))
    free = 1.0 if probe is None else 1 / max(LEAST_FREE, 1 - probe.others_busy)
    return Guess(items * math.exp(statistics.median(logs)) * free, spread)


def _guess_grouping(
    work: Work, probe: Probe | None, past: Mapping[PhaseName, Sequence[PastPhase]]
) -> Guess:
    searched = sum(phase.searched for phase in past.get(PhaseName.FACE_DETECTION, ()))
    if searched:
        faces = sum(phase.faces for phase in past[PhaseName.FACE_DETECTION]) / searched
    else:
        faces = FACES if probe is None else _mean([photo.faces for photo in probe.photos])
    count = work.known_faces + work.to_search * faces
    return Guess(GROUPING_S * (count / 10_000) ** GROUPING_POWER, 0.6)


def _weigh(first: Guess | None, second: Guess) -> Guess:
    """Return the mean of two guesses, in the logarithm, weighed by their spreads."""
    if first is None or not second.seconds or not first.seconds:
        return second
    weights = [1 / first.spread**2, 1 / second.spread**2]
    share = weights[0] / sum(weights)
    logarithm = share * math.log(first.seconds) + (1 - share) * math.log(second.seconds)
    apart = abs(math.log(first.seconds / second.seconds)) / 2
    return Guess(math.exp(logarithm), max(apart * (1 - share), sum(weights) ** -0.5))


def _count_free(probe: Probe) -> float:
    """Return how many CPUs others leave to a session; workers have a low priority."""
    return probe.cpus * max(LEAST_FREE, 1 - probe.others_busy)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _spread_of_mean(values: Sequence[float]) -> float:
    """Return how far the mean of a few values may be from that of all, in the logarithm."""
    if len(values) < 2 or not all(value > 0 for value in values):
        return LONE_SPREAD
    return statistics.stdev(values) / _mean(values) / math.sqrt(len(values))


_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def describe_range(time: TimeRange) -> str:
    """Return a range in words: "about 2 to 4 minutes"."""
    unit, length = _choose_unit(time.middle_s)
    low, high = max(1, math.floor(time.low_s / length)), max(1, math.ceil(time.high_s / length))
    return f"about {low:,} to {high:,} {unit}s" if low < high else f"about {_count(low, unit)}"


def describe_seconds(seconds: float) -> str:
    """Return a time in words: "3 minutes"."""
    unit, length = _choose_unit(seconds)
    return _count(max(1, round(seconds / length)), unit)


def _choose_unit(seconds: float) -> tuple[str, int]:
    """Return the name and the seconds of the largest unit of which there are two; seconds else."""
    return next((one for one in _UNITS if seconds >= 2 * one[1]), _UNITS[-1])


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"

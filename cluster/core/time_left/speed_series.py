"""The speed of a phase over time, from samples of how far it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_POINTS = 60
"""Enough for a small chart; each point is the mean over its part of the time."""


@dataclass(frozen=True, slots=True)
class SpeedSample:
    """How many items were finished when the session had worked for `active_s` seconds."""

    active_s: float
    finished: int


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """The items that were finished per second between two times, in seconds of the session."""

    from_s: float
    until_s: float
    per_s: float


def measure_speed(
    samples: Sequence[SpeedSample], *, most: int = MOST_POINTS
) -> tuple[SpeedPoint, ...]:
    """Return at most `most` points, in the order of time; none when nothing was finished.

    Before its first and after its last finished item, a phase has no points. When the count or the
    time falls, a new attempt has begun, and only that one is measured.
    """
    moving = _trim(_take_last_attempt(samples))
    if len(moving) < 2:
        return ()
    least_s = (moving[-1].active_s - moving[0].active_s) / most
    points, last = [], moving[0]
    for sample in moving[1:]:
        # A sum of steps may miss the last one by a rounding error.
        is_due = sample.active_s - last.active_s >= least_s * (1 - 1e-9)
        if sample.active_s > last.active_s and (is_due or sample is moving[-1]):
            points.append(_measure(last, sample))
            last = sample
    return tuple(points)


def _measure(last: SpeedSample, sample: SpeedSample) -> SpeedPoint:
    per_s = (sample.finished - last.finished) / (sample.active_s - last.active_s)
    return SpeedPoint(last.active_s, sample.active_s, per_s)


def _take_last_attempt(samples: Sequence[SpeedSample]) -> Sequence[SpeedSample]:
    begin = 0
    for place in range(1, len(samples)):
        before, sample = samples[place - 1], samples[place]
        if sample.finished < before.finished or sample.active_s < before.active_s:
            begin = place
    return samples[begin:]


def _trim(samples: Sequence[SpeedSample]) -> Sequence[SpeedSample]:
    """Leave out what came before the last sample of the first count, and after the last count."""
    if not samples:
        return samples
    first, last = samples[0].finished, samples[-1].finished
    if first == last:
        return ()
    begin = next(n for n, sample in enumerate(samples) if sample.finished != first) - 1
    end = next(n for n, sample in enumerate(samples) if sample.finished == last)
    return samples[begin : end + 1]

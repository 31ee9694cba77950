"""The speed of a phase over time, from samples of its finished count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_POINTS = 60
"""Enough for a small chart; each point is the mean over its interval."""


@dataclass(frozen=True, slots=True)
class SpeedSample:
    """The number of finished items when the session had worked for `active_s` seconds."""

    active_s: float
    finished: int


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """Items finished per second between two times, in seconds of the session."""

    from_s: float
    until_s: float
    per_s: float


def measure_speed(
    samples: Sequence[SpeedSample], *, most: int = MOST_POINTS
) -> tuple[SpeedPoint, ...]:
    """Return at most `most` points, in the order of time; none when nothing was finished.

    There are no points before the first and after the last finished item. If the count or the time
    falls, a new attempt has begun, and only the newest attempt is measured.
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
    """Drop the samples before the count begins to rise, and after it has reached its end."""
    if not samples:
        return samples
    first, last = samples[0].finished, samples[-1].finished
    if first == last:
        return ()
    begin = next(n for n, sample in enumerate(samples) if sample.finished != first) - 1
    end = next(n for n, sample in enumerate(samples) if sample.finished == last)
    return samples[begin : end + 1]

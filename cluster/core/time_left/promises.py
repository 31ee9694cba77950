"""Judges whether promises of time were kept, from the samples of a session.

A promise holds if its middle is within 15 % or 2 seconds of the time that really passed. Its band
covers that time if the time lies within the band; 80 % of well-calibrated bands do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from cluster.core.time_left.timing import Scope, TimeRange

HELD_SHARE, HELD_S = 0.15, 2.0
MOST_SAMPLES = 120
"""The most samples of a scope: one per second for two minutes, then one every two seconds, and so
on."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A scope at one moment; `left` is the promise, None if there was none.

    `worked_s` is how long the session had worked by then, without pauses.
    """

    scope: Scope
    number: int
    worked_s: float
    finished: int
    total: int
    left: TimeRange | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The quality of the promises about one scope.

    `samples` counts the moments, `promises` the moments with a promise. Errors are shares of the
    time that really passed, and None without a promise. `lasted_s` is how long the scope lasted.
    """

    scope: Scope
    lasted_s: float
    samples: int
    promises: int
    held: int
    covered: int
    median_error: float | None
    ninth_decile_error: float | None


def sampling_stride(worked_s: float) -> int:
    """Return the seconds between two samples: the power of two that keeps at most MOST_SAMPLES."""
    stride = 1
    while worked_s / stride > MOST_SAMPLES:
        stride *= 2
    return stride


def is_held(promised_s: float, real_s: float) -> bool:
    """Tell whether a promise was near enough to the time that really passed."""
    return abs(promised_s - real_s) <= max(HELD_SHARE * real_s, HELD_S)


def is_covered(left: TimeRange, real_s: float) -> bool:
    """Tell whether the time that really passed lies within the band."""
    return left.low_s <= real_s <= left.high_s


def judge(samples: Sequence[Sample], scope: Scope) -> Judgement | None:
    """Judge the promises of a scope that has ended; None if there is no sample of it.

    The last sample must be that of its end, which gives the time that really passed.
    """
    own = sorted((s for s in samples if s.scope is scope), key=lambda s: s.number)
    if not own:
        return None
    end_s = max(sample.worked_s for sample in own)
    before = [sample for sample in own if sample.worked_s < end_s]
    made = [(s.left, end_s - s.worked_s) for s in before if s.left is not None]
    errors = sorted(abs(left.middle_s - real_s) / real_s for left, real_s in made)
    return Judgement(
        scope=scope,
        lasted_s=end_s - own[0].worked_s,
        samples=len(before),
        promises=len(made),
        held=sum(is_held(left.middle_s, real_s) for left, real_s in made),
        covered=sum(is_covered(left, real_s) for left, real_s in made),
        median_error=median(errors) if errors else None,
        ninth_decile_error=errors[int(0.9 * (len(errors) - 1))] if errors else None,
    )


def judge_all(samples: Iterable[Sample]) -> tuple[Judgement, ...]:
    """Judge the promises of every scope that has samples, the session first."""
    known = tuple(samples)
    judged = (judge(known, scope) for scope in Scope)
    return tuple(one for one in judged if one is not None)

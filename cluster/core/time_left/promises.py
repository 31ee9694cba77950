"""Whether promises of time were kept. Pure: the samples of a session in, a judgement out.

A promise holds if its middle is within 15 % or 2 seconds of the time that really passed. Its band
covers if that time lies within it; of good bands, 80 % cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from cluster.core.time_left.timing import Scope, TimeRange

HELD_SHARE, HELD_S = 0.15, 2.0
MOST_SAMPLES = 120
"""Samples of a scope that are kept; a sample every second for two minutes, then every other."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A scope at one moment; `left` is the promise, None where none was made.

    `worked_s` is the time that the session had worked then, without pauses.
    """

    scope: Scope
    number: int
    worked_s: float
    finished: int
    total: int
    left: TimeRange | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """How the promises about one scope turned out.

    `samples` counts the moments, `promises` those with a promise. Errors are shares of the time
    that really passed, and None without a promise. `lasted_s` is how long the scope lasted.
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
    """Return the seconds between two samples: a power of two that keeps MOST_SAMPLES at most."""
    stride = 1
    while worked_s / stride > MOST_SAMPLES:
        stride *= 2
    return stride


def is_held(promised_s: float, real_s: float) -> bool:
    """Tell whether a promise was near enough to what came."""
    return abs(promised_s - real_s) <= max(HELD_SHARE * real_s, HELD_S)


def is_covered(left: TimeRange, real_s: float) -> bool:
    """Tell whether what came lies within the band."""
    return left.low_s <= real_s <= left.high_s


def judge(samples: Sequence[Sample], scope: Scope) -> Judgement | None:
    """Judge the promises of a scope that has ended; None if there is no sample of it.

    The last sample is that of its end, from which the time that really passed is counted.
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

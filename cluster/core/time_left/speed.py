"""The speed of a phase, estimated from the work done and the time taken.

The logarithm of the speed follows a random walk, and each stretch of work is a noisy measurement of
it: a one-dimensional Kalman filter (Kalman 1960). The first estimate comes from earlier sessions,
from a probe, or from a rough guess. A real change of speed is followed within seconds, because a
measurement that does not fit raises the variance of the filter.

Work is measured in units: one unit is the work for a small photo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cluster.core.time_left.slow_spells import SlowSpells

DRIFT = 0.02
"""Standard deviation of the speed's logarithm after one second of random walk."""

FUTURE_DRIFT = 0.04
"""The drift in the future, which is larger, because other programs may start and end."""

USUAL_UNREST = 0.5
"""The `unrest` of a speed that was not measured."""

MOST_DRIFT = 0.3
"""The largest drift over a long time, because a shared machine returns to its usual speed."""

ITEM_VARIANCE = 0.3
"""Variance of the logarithm of one item's work, apart from its size (bench/eta.py)."""

STRETCH_VARIANCE = 0.01
"""Variance of a stretch with any number of items, because workers report and commit in steps."""

MISFIT = 0.02
"""Uncertainty of a speed that remains however long it was measured."""

START_VARIANCE = 0.4
"""Additional variance of the first stretch, which decreases in later ones, because the workers warm
up one after the other."""

STRETCH_S, LONG_STRETCH_S = 1.0, 4.0
"""A stretch ends after STRETCH_S if it has ENOUGH_ITEMS, and after LONG_STRETCH_S if it has one."""

ENOUGH_ITEMS = 4
LEAST_WORK = 1e-9
SURPRISE = 4.0
"""A measurement that is off by more standard deviations means that the speed has changed."""

MOST_VARIANCE = 0.6

SPELL_SIGMA = 0.3
"""The sigma of the usual speed after a spell."""


@dataclass(frozen=True, slots=True)
class KnownSpeed:
    """The natural logarithm of a speed in units per second, and its standard deviation."""

    log_speed: float
    sigma: float


def combine_speeds(first: KnownSpeed, second: KnownSpeed) -> KnownSpeed:
    """Combine two independent estimates, each weighted by its precision."""
    weights = [1 / (speed.sigma * speed.sigma) for speed in (first, second)]
    total = sum(weights)
    log_speed = (weights[0] * first.log_speed + weights[1] * second.log_speed) / total
    return KnownSpeed(log_speed, math.sqrt(1 / total))


@dataclass(slots=True)
class SpeedFilter:
    """The current estimate of the speed of one phase. The clock is an argument.

    `unrest` is a moving average of the normalised innovation squared, which is 1 if measurements
    deviate as much as expected. It widens the bands on a shared machine, and narrows them on an
    idle one.
    """

    log_speed: float
    variance: float
    unrest: float = 1.0
    stretches: int = 0
    spells: SlowSpells = field(default_factory=SlowSpells)
    _from_s: float | None = None
    _work: float = 0.0
    _items: float = 0.0
    _has_begun: bool = False

    @classmethod
    def starting_with(cls, known: KnownSpeed) -> SpeedFilter:
        """Return a filter with this first estimate."""
        return cls(known.log_speed, known.sigma * known.sigma)

    @property
    def known(self) -> KnownSpeed:
        """The estimated speed and its sigma."""
        return KnownSpeed(self.log_speed, math.sqrt(self.variance))

    def learn(self, *, now: float, work: float, items: float) -> None:
        """Record that `items` items with `work` units were done since the last call."""
        if self._from_s is None or now < self._from_s:
            self.pause(now=now)
            return
        if self.stretches == 0 and not self._has_begun:
            # The time until the first item says nothing about the speed, because workers warm up.
            self._has_begun = items > 0
            self.pause(now=now)
            return
        self._work += max(0.0, work)
        self._items += max(0.0, items)
        lasted_s = now - self._from_s
        is_full = lasted_s >= STRETCH_S and self._items >= ENOUGH_ITEMS
        is_long = lasted_s >= LONG_STRETCH_S and self._items > 0
        if (is_full or is_long) and self._work > LEAST_WORK:
            self._measure(lasted_s)
            self.pause(now=now)

    def pause(self, *, now: float) -> None:
        """Begin a new stretch now, and discard the current one."""
        self._from_s, self._work, self._items = now, 0.0, 0.0

    def waiting_s(self, *, now: float) -> float:
        """Return the length of the current stretch so far, in seconds."""
        return 0.0 if self._from_s is None else max(0.0, now - self._from_s)

    def _measure(self, lasted_s: float) -> None:
        self.variance = min(MOST_VARIANCE, self.variance + DRIFT * DRIFT * lasted_s * self.unrest)
        noise = ITEM_VARIANCE / max(1.0, self._items) + STRETCH_VARIANCE
        noise += START_VARIANCE / (1 + self.stretches) ** 2
        measured = math.log(self._work) - math.log(lasted_s)
        before = self.known
        if self.stretches >= 2 and self.spells.take(
            measured, lasted_s=lasted_s, log_speed=before.log_speed, sigma=before.sigma
        ):
            # The speeds measured in the spell say little about the time after it, and this stretch
            # began in the spell.
            self.log_speed, self.variance = self.spells.log_usual, SPELL_SIGMA**2
            return
        difference = measured - self.log_speed
        expected = self.variance + noise
        surprise = difference * difference / expected
        if surprise > SURPRISE * SURPRISE and self.stretches >= 2:
            # The estimate moves at most halfway at once, so that one odd photo has limited effect.
            self.variance = min(MOST_VARIANCE, max(self.variance, noise))
            expected = self.variance + noise
        gain = self.variance / expected
        self.log_speed += gain * difference
        self.variance *= 1 - gain
        self.stretches += 1
        if self.stretches > 2:
            self.unrest += 0.1 * (min(9.0, surprise) - self.unrest)
            self.unrest = min(6.0, max(0.2, self.unrest))


def time_for(
    speed: SpeedFilter | KnownSpeed, *, work: float, items: float, now: float = 0.0
) -> tuple[float, float]:
    """Return the median seconds for this work, and the standard deviation of their logarithm.

    If no item was finished for a long time, the speed is assumed to have fallen.
    """
    if work <= 0 or items <= 0:
        return 0.0, MISFIT
    known = speed.known if isinstance(speed, SpeedFilter) else speed
    unrest = speed.unrest if isinstance(speed, SpeedFilter) else USUAL_UNREST
    middle_s = work / math.exp(known.log_speed)
    variance = known.sigma**2 + MISFIT**2 + ITEM_VARIANCE / max(1.0, items)
    variance += min(MOST_DRIFT**2, FUTURE_DRIFT * FUTURE_DRIFT * middle_s / 3 * unrest)
    if isinstance(speed, SpeedFilter):
        longer = _slowed(speed, items=items, middle_s=middle_s, now=now)
        middle_s, variance = middle_s * longer, variance + math.log(longer) ** 2 / 2
        silent_s = speed.waiting_s(now=now) if longer > 1 else 0.0
        return speed.spells.expect(
            (middle_s, math.sqrt(variance)),
            work=work,
            log_speed=known.log_speed,
            silent_s=silent_s,
        )
    return middle_s, math.sqrt(variance)


def _slowed(speed: SpeedFilter, *, items: float, middle_s: float, now: float) -> float:
    """Return the factor, 1 to 8, by which the current silence suggests that the work takes longer.

    The next ENOUGH_ITEMS items were expected within `due_s`. A silence of up to three times that is
    taken for chance.
    """
    due_s = max(STRETCH_S, ENOUGH_ITEMS * middle_s / items)
    silent_s = speed.waiting_s(now=now)
    return max(1.0, min(8.0, silent_s / (3 * due_s)))

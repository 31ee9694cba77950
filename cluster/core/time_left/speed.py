"""The speed of a phase, learned from how much work was done in how many seconds.

The logarithm of the speed follows a random walk, and each stretch of work is a noisy measurement of
it: a Kalman filter (Kalman 1960) of one dimension. A beginning is known from earlier sessions, from
a probe, or only roughly. A speed that has really changed is followed within seconds, because a
measurement that does not fit makes the filter less sure of itself.

Work is measured in units: one unit is the work for a small photo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cluster.core.time_left.slow_spells import SlowSpells

DRIFT = 0.02
"""Standard deviation of the speed's logarithm after one second of random walk."""

FUTURE_DRIFT = 0.04
"""The same for the time to come: other programs begin and end, which no past second has shown."""

USUAL_UNREST = 0.5
"""The unrest where none was measured."""

MOST_DRIFT = 0.3
"""The drift over a long time: a machine that others use comes back to its usual speed."""

ITEM_VARIANCE = 0.3
"""Variance of the logarithm of one item's work beside what its size tells (bench/eta.py)."""

STRETCH_VARIANCE = 0.01
"""Variance that a stretch has however many items: workers report and commit in steps."""

MISFIT = 0.02
"""What remains uncertain of a speed however long it was measured."""

START_VARIANCE = 0.4
"""Variance that the first stretch has beside that, and the ones after it less and less: workers get
warm one after the other."""

STRETCH_S, LONG_STRETCH_S = 1.0, 4.0
"""A stretch ends after the first with ENOUGH_ITEMS, and after the second with one."""

ENOUGH_ITEMS = 4
LEAST_WORK = 1e-9
SURPRISE = 4.0
"""Standard deviations beyond which a measurement says that the speed has changed."""

MOST_VARIANCE = 0.6

SPELL_SIGMA = 0.3
"""How surely the usual speed is known to be back after a spell."""


@dataclass(frozen=True, slots=True)
class KnownSpeed:
    """The natural logarithm of a speed in units per second, and its standard deviation."""

    log_speed: float
    sigma: float


def combine_speeds(first: KnownSpeed, second: KnownSpeed) -> KnownSpeed:
    """Return what two independent estimates say together, each weighted by its precision."""
    weights = [1 / (speed.sigma * speed.sigma) for speed in (first, second)]
    total = sum(weights)
    log_speed = (weights[0] * first.log_speed + weights[1] * second.log_speed) / total
    return KnownSpeed(log_speed, math.sqrt(1 / total))


@dataclass(slots=True)
class SpeedFilter:
    """The speed of one phase as it is known now. The clock is an argument.

    `unrest` is how much larger the surprises were than expected; it widens the bands of a machine
    that others use, and narrows those of a quiet one.
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
        """Return a filter that knows no more than this."""
        return cls(known.log_speed, known.sigma * known.sigma)

    @property
    def known(self) -> KnownSpeed:
        """The speed and how surely it is known."""
        return KnownSpeed(self.log_speed, math.sqrt(self.variance))

    def learn(self, *, now: float, work: float, items: float) -> None:
        """Take in that `work` units in `items` items were done since the last call."""
        if self._from_s is None or now < self._from_s:
            self.pause(now=now)
            return
        if self.stretches == 0 and not self._has_begun:
            # What passes until the first item is no measure of the speed: workers get warm.
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
        """Begin a new stretch now: what was before it is not measured."""
        self._from_s, self._work, self._items = now, 0.0, 0.0

    def waiting_s(self, *, now: float) -> float:
        """Return how long the stretch that goes on now has lasted, in seconds."""
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
            # What was learned in the spell says little of the time after it, and this stretch began
            # in the spell.
            self.log_speed, self.variance = self.spells.log_usual, SPELL_SIGMA**2
            return
        difference = measured - self.log_speed
        expected = self.variance + noise
        surprise = difference * difference / expected
        if surprise > SURPRISE * SURPRISE and self.stretches >= 2:
            # Half of the change is believed at once, so that one odd photo does not move it all.
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

    A filter that has seen nothing for long expects that the speed has fallen.
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
    """Return by how much longer the work takes if the silence now is more than chance.

    The next ENOUGH_ITEMS items were due in `due_s`; three times that is believed to be chance.
    """
    due_s = max(STRETCH_S, ENOUGH_ITEMS * middle_s / items)
    silent_s = speed.waiting_s(now=now)
    return max(1.0, min(8.0, silent_s / (3 * due_s)))

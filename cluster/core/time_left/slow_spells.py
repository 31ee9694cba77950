"""Spells in which a phase is far slower than it was: other programs have taken the machine.

Workers give way to other programs, so a phase may all but stand still while one of them computes.
What is left at that speed would take hours; but programs end. Of a spell that has lasted so long,
as much again is expected in the median, between a ninth of it and nine times as much in four of
five cases (Gott 1993, "Implications of the Copernican principle for our future prospects"). After
it, the phase goes on as before. A speed that is lower by less than SLOW times is followed at once:
a disk or a lost node does that, and it lasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.core.time_left.timing import BAND_Z

SLOW, OVER = 5.0, 2.0
"""By how much slower than usual a phase is when a spell begins, and at most when it is over."""

KNOWN_SIGMA = 0.35
"""How surely a speed must be known to be the usual one: the standard deviation of its logarithm."""

SHORTEST_S, LONGEST_S = 1 / 9, 9.0
"""The band of what is left of a spell, as parts of what has passed."""


@dataclass(slots=True)
class SlowSpells:
    """The spell of a phase that goes on now, in seconds, and the usual speed before it."""

    slow_s: float = 0.0
    log_usual: float = 0.0

    def take(self, measured: float, *, lasted_s: float, log_speed: float, sigma: float) -> bool:
        """Take in a stretch, and what was known of the speed; tell whether a spell has just ended.

        Speeds are natural logarithms.
        """
        if not self.slow_s:
            if sigma <= KNOWN_SIGMA and measured < log_speed - math.log(SLOW):
                self.slow_s, self.log_usual = lasted_s, log_speed
            return False
        if measured < self.log_usual - math.log(OVER):
            self.slow_s += lasted_s
            return False
        self.slow_s = 0.0
        return True

    def expect(
        self, known: tuple[float, float], *, work: float, log_speed: float, silent_s: float
    ) -> tuple[float, float]:
        """Return the seconds for this work, and their sigma, if the spell ends as spells do.

        `known` is both at the speed now, which is `log_speed` before a silence of `silent_s`.
        """
        slow_s = self.slow_s + silent_s
        middle_s, sigma = known
        usual_s = work / math.exp(self.log_usual if self.slow_s else log_speed)
        if slow_s <= 0 or work <= 0 or middle_s <= OVER * usual_s:
            return known

        def through(spell_s: float) -> float:
            """Return the seconds if the spell goes on for these: the rest is done as usual."""
            return min(middle_s, spell_s + usual_s * (1 - min(1.0, spell_s / middle_s)))

        shares = (SHORTEST_S, 1.0, LONGEST_S)
        low_s, median_s, high_s = (through(share * slow_s) for share in shares)
        apart = math.log(high_s / low_s) / (2 * BAND_Z)
        return median_s, math.hypot(min(sigma, KNOWN_SIGMA), apart)

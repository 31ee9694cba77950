"""Spells in which a phase is far slower than usual, because other programs use the machine.

Workers yield to other programs, so a phase may nearly stop while one of them computes. At that
speed the rest would take hours, but programs end. A spell that has lasted for some time is expected
to last as long again in the median, and between a ninth of it and nine times as long in 80 % of
cases (Gott 1993, "Implications of the Copernican principle for our future prospects"). Afterwards
the phase continues at its usual speed. A speed that falls by less than a factor of SLOW is not a
spell: a slow disk or a lost node causes it, and it lasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.core.time_left.timing import BAND_Z

SLOW, OVER = 5.0, 2.0
"""A spell begins when a phase is SLOW times slower than usual, and ends when it is less than OVER
times slower."""

KNOWN_SIGMA = 0.35
"""The largest sigma (standard deviation of the logarithm) with which a speed is known as the usual
one."""

SHORTEST_S, LONGEST_S = 1 / 9, 9.0
"""The 80 % band of the remaining time of a spell, as multiples of the time that has passed."""


@dataclass(slots=True)
class SlowSpells:
    """The current spell of a phase: its length in seconds, and the usual speed before it."""

    slow_s: float = 0.0
    log_usual: float = 0.0

    def take(self, measured: float, *, lasted_s: float, log_speed: float, sigma: float) -> bool:
        """Record a measured stretch; return True if a spell has just ended.

        `measured` is the speed in the stretch, `log_speed` and `sigma` the estimate before it.
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
        """Return the seconds for this work, and their sigma, assuming that the spell ends.

        `known` is both without that assumption. `log_speed` is the speed before the current silence
        of `silent_s`.
        """
        slow_s = self.slow_s + silent_s
        middle_s, sigma = known
        usual_s = work / math.exp(self.log_usual if self.slow_s else log_speed)
        if slow_s <= 0 or work <= 0 or middle_s <= OVER * usual_s:
            return known

        def through(spell_s: float) -> float:
            """Return the seconds if the spell lasts `spell_s`, and the rest has the usual speed."""
            return min(middle_s, spell_s + usual_s * (1 - min(1.0, spell_s / middle_s)))

        shares = (SHORTEST_S, 1.0, LONGEST_S)
        low_s, median_s, high_s = (through(share * slow_s) for share in shares)
        apart = math.log(high_s / low_s) / (2 * BAND_Z)
        return median_s, math.hypot(min(sigma, KNOWN_SIGMA), apart)

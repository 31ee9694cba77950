"""Turns absolute counts into increments, so that a counter counts each commit once.

The counts of a phase row may arrive twice, late or out of order. A counter takes only the part
above the highest value of the attempt so far. Therefore a photo that turns from processed to
skipped, because an older duplicate came, is counted in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class CounterDeltas:
    """The highest counts seen in one attempt at a phase."""

    attempt: int
    highest: dict[str, int] = field(default_factory=dict)

    @classmethod
    def starting_at(cls, attempt: int, counts: Mapping[str, int]) -> CounterDeltas:
        """Start from the counts of the row, because an earlier process has recorded them."""
        return cls(attempt, dict(counts))

    def grow_to(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the rise of each count above its highest value; other counts are left out."""
        grown: dict[str, int] = {}
        for name, count in counts.items():
            rise = count - self.highest.get(name, 0)
            if rise > 0:
                grown[name] = rise
                self.highest[name] = count
        return grown

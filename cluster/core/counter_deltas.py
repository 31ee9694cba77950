"""Absolute counts in, what they grew by out: so that a counter counts a commit once.

A phase row's counts may be told twice, late or out of order. A counter takes what lies above the
highest value of an attempt so far: a photo that turns from processed to skipped, because an older
duplicate came, is counted in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class CounterDeltas:
    """The highest counts of one phase's attempt; what was there at first is not growth."""

    attempt: int
    highest: dict[str, int] = field(default_factory=dict)

    @classmethod
    def starting_at(cls, attempt: int, counts: Mapping[str, int]) -> CounterDeltas:
        """Begin where the rows are: somebody else has counted that."""
        return cls(attempt, dict(counts))

    def grow_to(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return by how much each count rose above all that was seen; only those that did."""
        grown: dict[str, int] = {}
        for name, count in counts.items():
            rise = count - self.highest.get(name, 0)
            if rise > 0:
                grown[name] = rise
                self.highest[name] = count
        return grown

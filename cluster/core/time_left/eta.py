"""The rate of a growing count, from samples of (time, count). The clock is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

RATE_WINDOW_S = 30.0
"""A rate covers the last 30 seconds, which is long enough to be steady and short enough to be
current."""

_MIN_SPAN_S = 1.0


@dataclass(slots=True)
class RateWindow:
    """The recent samples of one growing count."""

    window_s: float = RATE_WINDOW_S
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def add_sample(self, *, now: float, count: int) -> None:
        """Add the count at `now` (seconds), and drop the samples before the window.

        When the count fell (a new attempt) or the clock jumped back, the window is emptied first.
        """
        if self.samples and (count < self.samples[-1][1] or now < self.samples[-1][0]):
            self.samples.clear()
        self.samples.append((now, count))
        while len(self.samples) > 2 and self.samples[1][0] <= now - self.window_s:
            self.samples.popleft()

    def rate_per_s(self, *, now: float) -> float | None:
        """Return the growth per second over the window; None without growth over a second."""
        if len(self.samples) < 2:
            return None
        first_time, first_count = self.samples[0]
        span_s = max(now, self.samples[-1][0]) - first_time
        gained = self.samples[-1][1] - first_count
        if span_s < _MIN_SPAN_S or gained <= 0:
            return None
        return gained / span_s

"""Measures the share of this machine's CPUs that is left to background processes.

Workers have a low priority (cluster/priority.py), so they get the CPU time that no other program
takes. Load comes in bursts, so the share is measured over some seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

WINDOW_S, LEAST_S = 12.0, 2.0
"""Seconds over which the share is measured, and the fewest seconds from which a share is given."""


@dataclass(slots=True)
class FreeCpus:
    """The share of the CPUs that was recently idle or used by low-priority processes.

    `read` returns the CPU times of the machine since its start, as psutil does.
    """

    read: Callable[[], Any] = psutil.cpu_times
    _read: deque[tuple[float, float, float]] = field(default_factory=deque)

    def look(self, *, now: float) -> None:
        """Read the CPU times; call it about once a second, with monotonic seconds."""
        times = self.read()
        if not hasattr(times, "nice"):
            return  # This system does not count the time of low-priority processes.
        free_s = times.idle + times.nice + getattr(times, "iowait", 0.0)
        # The times of virtual machines (`guest`) are already part of `user`.
        all_s = sum(getattr(times, name, 0.0) for name in _KINDS) + free_s
        self._read.append((now, free_s, all_s))
        while len(self._read) > 2 and self._read[1][0] <= now - WINDOW_S:
            self._read.popleft()

    def forget(self) -> None:
        """Discard all readings, because they say nothing about the time from now on."""
        self._read.clear()

    @property
    def share(self) -> float | None:
        """The share, from 0 to 1; None until the readings span LEAST_S."""
        if not self._read:
            return None
        (begun, free_s, all_s), (at, free_now_s, all_now_s) = self._read[0], self._read[-1]
        if at - begun < LEAST_S or all_now_s <= all_s:
            return None
        return max(0.0, min(1.0, (free_now_s - free_s) / (all_now_s - all_s)))


_KINDS = ("user", "system", "irq", "softirq", "steal")

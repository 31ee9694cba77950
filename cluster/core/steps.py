"""How long the steps of a batch took, by the name of the step."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StepTimes:
    """Adds up seconds by step; several threads may add at once. The clock is given."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def timing(self, step: str) -> Iterator[None]:
        """Add the time that the block takes, also when it raises."""
        started = self._clock()
        try:
            yield
        finally:
            self.add(step, self._clock() - started)

    def add(self, step: str, seconds: float) -> None:
        """Add so many seconds to a step."""
        with self._lock:
            self._seconds[step] += seconds

    def take(self) -> dict[str, float]:
        """Return the seconds of each step since the last time, and begin again."""
        with self._lock:
            taken, self._seconds = dict(self._seconds), defaultdict(float)
        return taken

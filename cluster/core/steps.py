"""Measures the time of each step of a batch, by the name of the step."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StepTimes:
    """Adds up seconds by step; several threads may add at once. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def timing(self, step: str) -> Iterator[None]:
        """Add the time that the block takes, even when it raises."""
        started = self._clock()
        try:
            yield
        finally:
            self.add(step, self._clock() - started)

    def add(self, step: str, seconds: float) -> None:
        """Add `seconds` to a step."""
        with self._lock:
            self._seconds[step] += seconds

    def take(self) -> dict[str, float]:
        """Return the seconds of each step since the last call, and reset them to 0."""
        with self._lock:
            taken, self._seconds = dict(self._seconds), defaultdict(float)
        return taken

"""Ctrl-C and SIGTERM: the first one pauses the session cleanly, a second one ends the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether the process was asked to stop, and by which signal."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._signal: int | None = None

    @property
    def is_set(self) -> bool:
        """A signal has arrived."""
        return self._event.is_set()

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, as shells expect; 3 (paused) after SIGTERM."""
        return 130 if self._signal == signal.SIGINT else 3

    def wait(self, timeout_s: float) -> bool:
        """Wait for a signal; True when one has arrived."""
        return self._event.wait(timeout_s)

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM while the block runs."""
        kinds = (signal.SIGINT, signal.SIGTERM)
        before = {kind: signal.signal(kind, self._take) for kind in kinds}
        try:
            yield
        finally:
            for kind, previous in before.items():
                signal.signal(kind, previous)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self._signal = number
        self._event.set()

"""Ctrl-C and SIGTERM: the first pauses the session cleanly, the second ends everything at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

HURRY_S = 30.0
"""Time for what was started to be ended in order after the second signal; then it is killed."""

INTERRUPTED = 130
SHOW_CURSOR = "\x1b[?25h"


class Interrupt:
    """Whether the process was asked to stop, and by which signal."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._signal: int | None = None
        self._signals = 0

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
        self._signals += 1
        if self._signals == 1:
            self._signal = number
            self._event.set()
        elif self._signals == 2:
            print("headcount: ending at once", file=sys.stderr, flush=True)
            limit = threading.Timer(HURRY_S, end_at_once)
            limit.daemon = True
            limit.start()
            raise KeyboardInterrupt
        else:
            end_at_once()


def end_at_once() -> None:
    """Kill what this process has started, and end it: nothing finished is lost by that."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    if sys.stdout.isatty():
        print(SHOW_CURSOR, end="", flush=True)
    os._exit(INTERRUPTED)

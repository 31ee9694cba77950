"""Handles Ctrl-C and SIGTERM: the first signal pauses the session, the second ends the command."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

import psutil

HURRY_S = 30.0
"""The time for an orderly end after the second signal; then all processes are killed."""

AGAIN_S = 0.05
INTERRUPTED = 130
SHOW_CURSOR = "\x1b[?25h"


class Interrupt:
    """Records whether the process was asked to stop, and by which signal."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._signal: int | None = None
        self._signals = 0
        self._is_swallowed = False

    @property
    def is_set(self) -> bool:
        """A signal has arrived."""
        return self._event.is_set()

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, as shells expect; 3 (paused) after SIGTERM."""
        return 130 if self._signal == signal.SIGINT else 3

    @property
    def is_users(self) -> bool:
        """The signal was Ctrl-C, so the user at the terminal knows why the session stops."""
        return self._signal == signal.SIGINT

    def wait(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` for a signal; return whether one has arrived."""
        return self._event.wait(timeout_s)

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM while the block runs."""
        kinds = (signal.SIGINT, signal.SIGTERM)
        before = {kind: signal.signal(kind, self._take) for kind in kinds}
        try:
            yield
        finally:
            for kind, previous in before.items():
                signal.signal(kind, previous)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._is_swallowed:
            self._is_swallowed = False
            raise KeyboardInterrupt
        self._signals += 1
        if self._signals == 1:
            self._signal = number
            self._event.set()
        elif self._signals == 2:
            print("headcount: ending at once", file=sys.stderr, flush=True)
            limit = threading.Timer(HURRY_S, end_at_once)
            limit.daemon = True
            limit.start()
            sys.unraisablehook = partial(self._raise_again, sys.unraisablehook)
            raise KeyboardInterrupt
        else:
            end_at_once()

    def _raise_again(
        self, report: Callable[[sys.UnraisableHookArgs], object], ignored: sys.UnraisableHookArgs
    ) -> None:
        """Raise KeyboardInterrupt again after Python ignored it; report everything else.

        Python ignores exceptions in finalizers and in callbacks of weak references.
        """
        if ignored.exc_type is not KeyboardInterrupt:
            report(ignored)
            return
        self._is_swallowed = True
        again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()


def end_at_once() -> None:
    """Kill all child processes, and end this process; nothing that was committed is lost."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    if sys.stdout.isatty():
        print(SHOW_CURSOR, end="", flush=True)
    os._exit(INTERRUPTED)

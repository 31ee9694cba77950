"""A photo that is never read to its end does not hold its worker.

A mount that died blocks whoever reads from it, and a decoder may run for ever on damaged content.
Neither can be interrupted from Python, so the work is done by a thread beside the caller, which is
left behind when the time is over: the caller goes on with a new one. A thread that was left behind
ends with its work, or with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from cluster.core.errors import UnreachableImage

Result = TypeVar("Result")

DEFAULT_TIMEOUT_S = 60.0
"""Ten times what the largest photos take that are within the default limits."""

_own = threading.local()


class TimeOver(Exception):
    """The work is still going on."""


def within(timeout_s: float, path: str, work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises.

    Raises UnreachableImage for `path` when that takes longer than `timeout_s`: a later try may find
    the mount alive.
    """
    try:
        return wait_for(timeout_s, work)
    except TimeOver:
        raise UnreachableImage(path, f"it could not be read within {timeout_s:g} seconds") from None


def wait_for(timeout_s: float, work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises; raise TimeOver after `timeout_s`."""
    reader: _Reader | None = getattr(_own, "reader", None)
    if reader is None:
        reader = _own.reader = _Reader()
    attempt = reader.start(work)
    if not attempt.is_over.wait(timeout_s):
        reader.leave_behind()
        _own.reader = None
        raise TimeOver
    if attempt.error is not None:
        raise attempt.error
    return attempt.result


class _Attempt(Generic[Result]):
    """One piece of work; `is_over` is set when it has a result or an error."""

    result: Result

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self.is_over = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # Raised again in the caller's own thread.
            self.error = error
        self.is_over.set()


class _Reader:
    """A thread that does one piece of work after the other for one caller."""

    def __init__(self) -> None:
        self._attempts: SimpleQueue[_Attempt[Any] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="photo-reader", daemon=True).start()

    def start(self, work: Callable[[], Result]) -> _Attempt[Result]:
        attempt = _Attempt(work)
        self._attempts.put(attempt)
        return attempt

    def leave_behind(self) -> None:
        self._attempts.put(None)

    def _run(self) -> None:
        while (attempt := self._attempts.get()) is not None:
            attempt.run()
            del attempt

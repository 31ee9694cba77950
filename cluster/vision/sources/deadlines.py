"""Time limits for reading and decoding a photo, so that no photo blocks its worker forever.

A dead mount blocks every reader, and a decoder may run for hours on hostile content. Python can
interrupt neither. Therefore another thread does the work. After the time limit, the caller leaves
this thread behind and continues with a new one. The old thread ends with its work, or with the
process.

Work that is left behind releases its locks. While it still computes, its process `is_overloaded`,
and the owner of the process replaces the process as soon as its finished work is committed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from cluster.core.errors import UnreachableImage

Result = TypeVar("Result")

_own = threading.local()
_burdens: set[_Attempt[Any]] = set()


class TimeOver(Exception):
    """The work was not finished within its time limit."""


def within(timeout_s: float, path: str, work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises.

    Raises UnreachableImage for `path` after `timeout_s`, because a later try may succeed.
    """
    try:
        return wait_for(timeout_s, work)
    except TimeOver:
        raise UnreachableImage(path, say_time_over(timeout_s)) from None


def say_time_over(timeout_s: float) -> str:
    """Return the reason for the failure of a photo that took too long."""
    return f"it could not be read within {timeout_s:g} seconds"


def wait_for(
    timeout_s: float, work: Callable[[], Result], *, clock: Callable[[], float] = time.monotonic
) -> Result:
    """Return what `work` returns, or raise what it raises; raise TimeOver after `timeout_s`."""
    reader: _Reader | None = getattr(_own, "reader", None)
    if reader is None:
        reader = _own.reader = _Reader()
    attempt = reader.start(_Attempt(work, clock))
    if not attempt.wait(timeout_s):
        reader.leave_behind()
        _own.reader = None
        raise TimeOver
    if attempt.error is not None:
        raise attempt.error
    return attempt.result


def begin_computing() -> None:
    """Record that the work of this thread keeps a CPU busy from now on.

    Raises TimeOver if the work was left behind before; the thread's next work is not affected.
    """
    attempt: _Attempt[Any] | None = getattr(_own, "attempt", None)
    if attempt is not None:
        attempt.begin_computing()


@contextmanager
def holding(lock: threading.Lock) -> Iterator[None]:
    """Hold `lock` until the block ends, or until the work of this thread is left behind.

    Waiting for `lock` does not count towards the work's time limit.
    """
    attempt: _Attempt[Any] | None = getattr(_own, "attempt", None)
    if attempt is None:
        with lock:
            yield
        return
    attempt.take(lock)
    try:
        yield
    finally:
        attempt.release(lock)


def is_overloaded() -> bool:
    """Tell whether this process still computes work that was left behind."""
    return bool(_burdens)


class _Attempt(Generic[Result]):
    """One piece of work, seen by the thread that does it and by the caller that waits for it."""

    result: Result

    def __init__(self, work: Callable[[], Result], clock: Callable[[], float]) -> None:
        self._work, self._clock = work, clock
        self._changed = threading.Condition()
        self._spent_s = 0.0
        self._runs_since: float | None = clock()
        self._is_over = self._is_left_behind = self._is_computing = False
        self._held: list[threading.Lock] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do the work, and store its result or error."""
        try:
            self.result = self._work()
        except BaseException as error:  # Raised again in the caller's own thread.
            self.error = error
        with self._changed:
            self._is_over = True
            self._changed.notify()
            _burdens.discard(self)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the work; after `timeout_s`, leave it behind and return False."""
        with self._changed:
            while not self._is_over:
                left_s = timeout_s - self._spent()
                if left_s <= 0:
                    self._leave_behind()
                    return False
                self._changed.wait(None if self._runs_since is None else left_s)
        return True

    def begin_computing(self) -> None:
        with self._changed:
            self._go_on()
            self._is_computing = True

    def take(self, lock: threading.Lock) -> None:
        """Acquire `lock`. The clock of the work stops while it waits."""
        with self._changed:
            self._go_on()
            self._spent_s, self._runs_since = self._spent(), None
            self._changed.notify()
        lock.acquire()
        with self._changed:
            self._runs_since = self._clock()
            self._held.append(lock)
            self._changed.notify()

    def release(self, lock: threading.Lock) -> None:
        """Release `lock`, unless it was released when the work was left behind."""
        with self._changed:
            if lock in self._held:
                self._held.remove(lock)
                lock.release()

    def _spent(self) -> float:
        running_s = 0.0 if self._runs_since is None else self._clock() - self._runs_since
        return self._spent_s + running_s

    def _go_on(self) -> None:
        if self._is_left_behind:
            raise TimeOver

    def _leave_behind(self) -> None:
        self._is_left_behind = True
        while self._held:
            self._held.pop().release()
        if self._is_computing:
            _burdens.add(self)


class _Reader:
    """A thread that does one piece of work after the other for one caller."""

    def __init__(self) -> None:
        self._attempts: SimpleQueue[_Attempt[Any] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="photo-reader", daemon=True).start()

    def start(self, attempt: _Attempt[Result]) -> _Attempt[Result]:
        self._attempts.put(attempt)
        return attempt

    def leave_behind(self) -> None:
        self._attempts.put(None)

    def _run(self) -> None:
        while (attempt := self._attempts.get()) is not None:
            _own.attempt = attempt
            attempt.run()
            _own.attempt = None
            del attempt

"""Runs work in side processes, which are killed when the work takes too long.

A thread cannot be killed, and a process that serves other requests must not be replaced because of
one photo. Starting a process takes a second, so processes are kept for the next piece of work. A
process ends after some idle time, when its parent process has ended, and some time after the time
limit of its work.
"""

from __future__ import annotations

import faulthandler
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from cluster.core.errors import HeadcountError
from cluster.vision.sources.deadlines import TimeOver

Result = TypeVar("Result")
Work = Callable[[], Any]

IDLE_S = 300.0
START_S = 120.0
_GRACE_S = 30.0

# multiprocessing would run the main program of this process again, which is Ray's worker.
_PROGRAM = "import sys; sys.path[:] = {path}; from {module} import do_work; do_work({descriptor})"


class ProcessLost(Exception):
    """The process ended before its work was done."""


@dataclass(eq=False)
class SideProcess:
    """One side process and the pipe to it; `used_at` is when it was last used."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    used_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """True if the process is not about to end from idleness."""
        return time.monotonic() - self.used_at < IDLE_S - _GRACE_S

    def do(self, work: Work, *, timeout_s: float) -> tuple[Any, HeadcountError | None]:
        """Run `work`; return its result and the HeadcountError that it raised, or None.

        Raises TimeOver and ProcessLost.
        """
        try:
            self.pipe.send((work, timeout_s))
            if not self.pipe.poll(timeout_s):
                raise TimeOver
            result, error = self.pipe.recv()
        except (EOFError, ConnectionError) as lost:
            raise ProcessLost from lost
        self.used_at = time.monotonic()
        return result, error

    def end(self) -> None:
        """Kill the process. If it reads from a dead mount, it ends only when the read returns."""
        self.pipe.close()
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)


class SideProcesses:
    """A pool with one process for each concurrent piece of work; each calls `load` first."""

    def __init__(self, load: Callable[[], None]) -> None:
        self._load = load
        self._idle: list[SideProcess] = []
        self._lock = threading.Lock()

    def run(self, work: Callable[[], Result], *, timeout_s: float) -> Result:
        """Return what `work` returns, or raise the HeadcountError that it raises.

        `work` must be picklable. Raises TimeOver and ProcessLost; the process is then killed.
        """
        process, is_free = self._take(), False
        try:
            result: Result
            result, error = process.do(work, timeout_s=timeout_s)
            is_free = True
        finally:
            if is_free:
                self._put_back(process)
            else:
                process.end()
        if error is not None:
            raise error
        return result

    def _take(self) -> SideProcess:
        with self._lock:
            stale = [process for process in self._idle if not process.is_fresh]
            self._idle = [process for process in self._idle if process.is_fresh]
            process = self._idle.pop() if self._idle else None
        for one in stale:
            one.end()
        return process or _start(self._load)

    def _put_back(self, process: SideProcess) -> None:
        with self._lock:
            self._idle.append(process)


def _start(load: Callable[[], None]) -> SideProcess:
    ours, theirs = Pipe()
    with theirs:
        program = _PROGRAM.format(path=repr(sys.path), module=__name__, descriptor=theirs.fileno())
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
    started = SideProcess(process, ours)
    started.do(load, timeout_s=START_S)
    return started


def do_work(descriptor: int) -> None:
    """Run the work that comes through the pipe until the process is idle or its parent ends.

    This is the main function of a side process.
    """
    with Connection(descriptor) as pipe, suppress(EOFError, ConnectionError):
        while pipe.poll(IDLE_S):
            work, timeout_s = pipe.recv()
            faulthandler.dump_traceback_later(timeout_s + _GRACE_S, exit=True)
            result, failure = None, None
            try:
                result = work()
            except HeadcountError as error:
                failure = error
            faulthandler.cancel_dump_traceback_later()
            pipe.send((result, failure))

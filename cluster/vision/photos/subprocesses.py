"""Work in a process beside this one, which is ended when the work takes too long.

A thread cannot be ended, and a process that serves others cannot be replaced because of one photo.
Processes are kept for the next piece of work, since one takes a second to start. Each ends by
itself when nothing comes for a while, when the process that it works for has ended, and, whatever
it is doing, some time after its work should have been over.
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

# Not multiprocessing's own start: it would run the program of this process again, Ray's worker.
_PROGRAM = "import sys; sys.path[:] = {path}; from {module} import do_work; do_work({descriptor})"


class ProcessLost(Exception):
    """The process ended in the middle of its work."""


@dataclass(eq=False)
class SideProcess:
    """One process, and the pipe to it."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    used_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """It will not end for want of work right now."""
        return time.monotonic() - self.used_at < IDLE_S - _GRACE_S

    def do(self, work: Work, *, timeout_s: float) -> tuple[Any, HeadcountError | None]:
        """Return what `work` returned, or what it raised. Raises TimeOver and ProcessLost."""
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
        """Kill the process. One that reads from a dead mount ends when the mount lets it."""
        self.pipe.close()
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)


class SideProcesses:
    """As many processes as pieces of work are done at once; `load` is what each does first."""

    def __init__(self, load: Callable[[], None]) -> None:
        self._load = load
        self._idle: list[SideProcess] = []
        self._lock = threading.Lock()

    def run(self, work: Callable[[], Result], *, timeout_s: float) -> Result:
        """Return what `work` returns, or raise the HeadcountError that it raises.

        `work` can be pickled. Raises TimeOver and ProcessLost; then its process has ended.
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
    """Do what comes through the pipe, until nothing comes: what the process runs."""
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

"""Waits for an unreachable database, visibly and with a time limit.

A retry repeats a whole transaction. Each transaction of a run may run twice: the second run finds
nothing left to move.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cluster.core.errors import DatabaseUnavailable

Result = TypeVar("Result")
Waited = Callable[[], float]
"""Tells for how many seconds a call has waited for the database until now."""

DATABASE_WAIT_S = 120.0
"""A restarting server is back within this time; after a longer outage, a user has to act."""

RETRY_INTERVAL_S = 0.5


def _stay_silent(waiting_for: str | None) -> None:
    """Report nothing: other processes wait for the same database, and report it."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long, and how visibly, a process waits for an unreachable database.

    `on_wait` receives a sentence before each retry, and None when the database is back. `timeout_s`
    and `clock` are in seconds.
    """

    timeout_s: float = DATABASE_WAIT_S
    on_wait: Callable[[str | None], object] = _stay_silent
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep

    def run_timed(self, work: Callable[[Waited], Result]) -> Result:
        """Return what `run` returns; `work` is told how long this call waits already.

        To its caller, the work of the database is waiting too: locks, statements, and retries.
        """
        began = self.clock()
        return self.run(lambda: work(lambda: self.clock() - began))

    def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of `work`, retrying it while the database is unreachable.

        Raises DatabaseUnavailable after `timeout_s`.
        """
        try:
            return work()
        except DatabaseUnavailable as error:
            began, last = self.clock(), error
        while (waited_s := self.clock() - began) < self.timeout_s:
            self.on_wait(f"{last.trouble}, retrying for {waited_s:.0f} s")
            self.sleep(RETRY_INTERVAL_S)
            try:
                result = work()
            except DatabaseUnavailable as error:
                last = error
            else:
                self.on_wait(None)
                return result
        raise DatabaseUnavailable(
            f"{str(last).removesuffix('.')}. That did not change within {self.timeout_s:.0f} "
            "seconds; when it has, resume the session."
        ) from last

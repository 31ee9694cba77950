"""Waits for an unreachable database, visibly and with a time limit.

A retry repeats a complete transaction. Each transaction of a run may run twice, because the second
run finds nothing left to move.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cluster.core.errors import DatabaseUnavailable

Result = TypeVar("Result")
Waited = Callable[[], float]
"""A function that returns the seconds for which a call has waited for the database so far."""

DATABASE_WAIT_S = 120.0
"""A restarting server is back within this time; after a longer outage, a user must act."""

RETRY_INTERVAL_S = 0.5


def _stay_silent(waiting_for: str | None) -> None:
    """Report nothing, because other processes wait for the same database and report it."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The time for which a process waits for an unreachable database, and how it reports that.

    `on_wait` receives a sentence before each retry, and None when the database is back. `timeout_s`
    and `clock` are in seconds.
    """

    timeout_s: float = DATABASE_WAIT_S
    on_wait: Callable[[str | None], object] = _stay_silent
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep

    def run_timed(self, work: Callable[[Waited], Result]) -> Result:
        """Run `work` as `run` does, and pass it a function for the seconds of waiting so far.

        Locks, statements and retries all count as waiting.
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

"""Waiting for a database that went away: for everyone to see, and not for ever.

What is tried again is always a whole transaction, and each one here may run twice: what it moved
the first time it does not find to be moved the second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cluster.core.errors import DatabaseUnavailable

Result = TypeVar("Result")

DATABASE_WAIT_S = 120.0
"""A server that is started anew is back by then; longer, and a person has to look."""

RETRY_INTERVAL_S = 0.5


def _tell_nobody(waiting_for: str | None) -> None:
    """Say nothing: others see the same database gone, and tell."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a database is waited for.

    `on_wait` is given a sentence before each new attempt, and None when the database is back.
    """

    timeout_s: float = DATABASE_WAIT_S
    on_wait: Callable[[str | None], object] = _tell_nobody
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep

    def run(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, trying it again while the database is away.

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

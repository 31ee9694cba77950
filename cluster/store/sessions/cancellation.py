"""The cancellation token, which tells workers between two photos whether to stop.

If a session is paused or cancelled, a batch ends early: its finished photos are committed, and the
others stay pending.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import Engine

from cluster.core.errors import DatabaseUnavailable, NotFound
from cluster.core.reports import Throttle
from cluster.core.sessions import SessionStatus
from cluster.store.database.engine import begin, worker_engine
from cluster.store.sessions.session_rows import get_status

INTERVAL_S = 0.5


@dataclass(slots=True)
class CancellationToken:
    """Reads a session's status, at most twice a second."""

    engine: Engine
    session_id: int
    clock: Callable[[], float] = time.monotonic
    throttle: Throttle = field(default_factory=lambda: Throttle(INTERVAL_S))
    _is_cancelled: bool = False

    def poll(self) -> bool:
        """Return whether the session has been stopped, as of at most half a second ago.

        While the database is unreachable, the last answer is returned.
        """
        if self.throttle.admit(now=self.clock()):
            try:
                with begin(self.engine) as db:
                    status = get_status(db, self.session_id)
                self._is_cancelled = status is not SessionStatus.RUNNING
            except DatabaseUnavailable:
                return self._is_cancelled
            except NotFound:
                self._is_cancelled = True
        return self._is_cancelled


@lru_cache(maxsize=64)
def worker_cancellation(database_url: str, session_id: int) -> CancellationToken:
    """Return this process's token for a session, which all of its batches share."""
    return CancellationToken(worker_engine(database_url), session_id)

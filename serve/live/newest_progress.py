"""The newest progress of one session, with a signal for the clients that wait for changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from cluster.core.progress import UnifiedProgress

FROM_ROWS = -1
"""The source version of an answer from the database rows. Every later answer is newer."""


@dataclass(slots=True)
class NewestProgress:
    """The newest known progress of one session, and the number of `watchers` that wait."""

    newest: UnifiedProgress
    source_version: int
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: int = 0

    def publish(self, answer: UnifiedProgress, *, source_version: int) -> None:
        """Show `answer`, unless a newer one is shown already, and wake the watchers."""
        if FROM_ROWS != source_version <= self.source_version:
            if source_version == self.source_version:  # The same counts with a newer rate.
                self.newest = replace(answer, version=self.newest.version)
            return
        self.newest = replace(answer, version=max(answer.version, self.newest.version + 1))
        self.source_version = source_version
        self.changed.set()
        self.changed = asyncio.Event()

    async def wait(self, *, since: int) -> UnifiedProgress:
        """Wait until the version is above `since` or the session is over; return the progress."""
        self.watchers += 1
        try:
            while self.newest.version <= since and not self.newest.status.is_terminal:
                await self.changed.wait()
        finally:
            self.watchers -= 1
        return self.newest

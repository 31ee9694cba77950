"""What was last said of one session, and waking those who wait for more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from cluster.core.progress import UnifiedProgress

FROM_ROWS = -1
"""In place of the live view's version: the database rows answered; whatever comes next is newer."""


@dataclass(slots=True)
class NewestProgress:
    """The newest that is known of one session, and who waits for more."""

    newest: UnifiedProgress
    source_version: int
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: int = 0

    def publish(self, answer: UnifiedProgress, *, source_version: int) -> None:
        """Show `answer`, unless something newer came meanwhile; wake whoever waits for news."""
        if FROM_ROWS != source_version <= self.source_version:
            if source_version == self.source_version:  # the same, with a fresher rate
                self.newest = replace(answer, version=self.newest.version)
            return
        self.newest = replace(answer, version=max(answer.version, self.newest.version + 1))
        self.source_version = source_version
        self.changed.set()
        self.changed = asyncio.Event()

    async def wait(self, *, since: int) -> UnifiedProgress:
        """Return what is shown once its version is above `since`, or the session is over."""
        self.watchers += 1
        try:
            while self.newest.version <= since and not self.newest.status.is_terminal:
                await self.changed.wait()
        finally:
            self.watchers -= 1
        return self.newest

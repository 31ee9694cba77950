"""The progress for all clients of a replica, from one subscription to the live view.

The counts of a session never fall within an attempt, and its version only rises. This also holds if
the live view restarts and loses the photos in flight. If the live view cannot be reached, the
database rows answer. The last answer is kept only as a lower bound for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Protocol

from cluster.core.errors import DatabaseUnavailable, NotFound
from cluster.core.progress import PhaseSnapshot, UnifiedProgress, unify
from cluster.core.sessions import PhaseName
from serve.live.newest_progress import FROM_ROWS, NewestProgress
from serve.problems import LiveViewUnavailable

QUIET_S = 5.0
"""Seconds without changes after which the rows of watched sessions are read again.

A report to the live view may have been lost.
"""

RETRY_S = 1.0
MAX_KNOWN = 256


class ProgressSource(Protocol):
    """A live view of progress: `Progress` itself, or the ProgressActor through `RayProgress`.

    Each method raises LiveViewUnavailable if the live view cannot be reached.
    """

    async def show(self, session_id: int) -> UnifiedProgress:
        """Return a session's progress. Raises NotFound."""
        ...

    async def reload(self, session_id: int) -> None:
        """Read the session's rows again."""
        ...

    async def changes(
        self, since: int, *, timeout_s: float
    ) -> tuple[int, tuple[UnifiedProgress, ...]]:
        """Wait for changes after version `since`; return the newest version and the sessions."""
        ...

    async def ping(self) -> int:
        """Return the newest version."""
        ...


class Live:
    """Answers from the live view, or from the rows if the live view cannot be reached."""

    def __init__(
        self,
        *,
        source: ProgressSource,
        load: Callable[[int], tuple[PhaseSnapshot, ...]],
        weights: Mapping[PhaseName, float],
        first_version: Callable[[], int],
    ) -> None:
        self._source, self._load, self._weights = source, load, weights
        self._first_version = first_version
        self._newest_by_id: dict[int, NewestProgress] = {}
        self.streams = 0

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Count a stream of events for as long as it is open."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    async def show(self, session_id: int) -> UnifiedProgress:
        """Return the current progress of a session. Raises NotFound."""
        try:
            answer = await self._source.show(session_id)
        except LiveViewUnavailable:
            return await self._show_rows(session_id)
        return await self._take(answer)

    async def wait(
        self, session_id: int, *, since: int, timeout_s: float
    ) -> UnifiedProgress | None:
        """Wait for a version above `since` or a terminal status; None after `timeout_s`."""
        if session_id not in self._newest_by_id:
            await self.show(session_id)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._newest_by_id[session_id].wait(since=since)
        except TimeoutError:
            return None

    async def has_session(self, session_id: int) -> bool:
        """Tell whether the session still exists; another client may have erased it."""
        try:
            await self.show(session_id)
        except NotFound:
            return False
        return True

    async def follow(self) -> None:
        """Follow the live view until cancelled; during outages, read watched sessions' rows."""
        since = 0
        while True:
            try:
                since, changed = await self._source.changes(since, timeout_s=QUIET_S)
                for answer in changed:
                    await self._take(answer)
                if not changed:
                    await self._for_watched(self._source.reload)
            except (LiveViewUnavailable, DatabaseUnavailable):
                await self._bridge_outage()

    async def _bridge_outage(self) -> None:
        await asyncio.sleep(RETRY_S)
        try:
            await self._for_watched(self.show)
        except DatabaseUnavailable:
            return  # Neither answers: the last progress stays, and the loop tries again.

    async def _for_watched(self, do: Callable[[int], Awaitable[object]]) -> None:
        for session_id in [i for i, known in self._newest_by_id.items() if known.watchers]:
            with suppress(NotFound):  # The session was erased.
                await do(session_id)

    async def _take(self, answer: UnifiedProgress) -> UnifiedProgress:
        known = self._newest_by_id.get(answer.session_id)
        source_version = answer.version
        if known is None:
            return self._open(answer, source_version=source_version).newest
        if _has_fallen(known.newest, answer):
            rows = await self._read_rows(answer.session_id)
            answer = replace(rows, version=source_version)
        known.publish(answer, source_version=source_version)
        return known.newest

    async def _show_rows(self, session_id: int) -> UnifiedProgress:
        answer = await self._read_rows(session_id)
        known = self._newest_by_id.get(session_id)
        if known is None:
            # The ProgressActor takes its first version from the same counter, so versions rise.
            version = await asyncio.to_thread(self._first_version)
            known = self._open(replace(answer, version=version), source_version=FROM_ROWS)
        elif replace(answer, version=known.newest.version) != known.newest:
            known.publish(answer, source_version=FROM_ROWS)
        return known.newest

    async def _read_rows(self, session_id: int) -> UnifiedProgress:
        rows = await asyncio.to_thread(self._load, session_id)
        known = self._newest_by_id.get(session_id)
        if known is not None:
            rows = tuple(_with_mark(row, known.newest) for row in rows)
        return unify(session_id, rows, version=0, weights=self._weights)

    def _open(self, answer: UnifiedProgress, *, source_version: int) -> NewestProgress:
        idle = [i for i, known in self._newest_by_id.items() if not known.watchers]
        for session_id in idle[: max(0, len(self._newest_by_id) - MAX_KNOWN + 1)]:
            del self._newest_by_id[session_id]
        return self._newest_by_id.setdefault(
            answer.session_id, NewestProgress(answer, source_version)
        )


def _has_fallen(before: UnifiedProgress, now: UnifiedProgress) -> bool:
    return any(
        new.attempt == old.attempt and new.current < old.current
        for old, new in zip(before.phases, now.phases, strict=True)
    )


def _with_mark(row: PhaseSnapshot, before: UnifiedProgress) -> PhaseSnapshot:
    """Return the row with the count that was shown as its lower bound; the row may be older."""
    shown = before.phase(row.name)
    is_same = shown.attempt == row.attempt
    return replace(row, high_water_mark=max(row.high_water_mark, shown.current)) if is_same else row

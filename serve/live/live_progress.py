"""One view of progress for all clients of a replica: one subscription, fanned out.

What is shown of a session never falls within an attempt and its version only rises, also when the
live view restarts with less than it had (what was in flight is gone) or cannot be reached (then
the database rows answer). Nothing here is a truth of its own: the last answer is a lower bound.
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
"""After so long without news the rows of watched sessions are read again: a report may be lost."""

RETRY_S = 1.0
MAX_KNOWN = 256


class ProgressSource(Protocol):
    """What a live view of progress answers: `Progress` itself, or the actor through `RayProgress`.

    Each raises LiveViewUnavailable when the view cannot be reached.
    """

    async def show(self, session_id: int) -> UnifiedProgress:
        """Return a session's progress; NotFound when there is no such session."""
        ...

    async def reload(self, session_id: int) -> None:
        """Read the session's rows again."""
        ...

    async def changes(
        self, since: int, *, timeout_s: float
    ) -> tuple[int, tuple[UnifiedProgress, ...]]:
        """Wait for what changed after version `since`; return the newest version as well."""
        ...

    async def ping(self) -> int:
        """Return the newest version."""
        ...


class Live:
    """Answers from the live view, or from the rows when there is none."""

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
        """Return a session's progress as it is now; NotFound when there is no such session."""
        try:
            answer = await self._source.show(session_id)
        except LiveViewUnavailable:
            return await self._show_rows(session_id)
        return await self._take(answer)

    async def wait(
        self, session_id: int, *, since: int, timeout_s: float
    ) -> UnifiedProgress | None:
        """Wait for a version above `since`, or the end of the session; None when neither came."""
        if session_id not in self._newest_by_id:
            await self.show(session_id)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._newest_by_id[session_id].wait(since=since)
        except TimeoutError:
            return None

    async def has_session(self, session_id: int) -> bool:
        """Tell whether the session was not erased meanwhile."""
        try:
            await self.show(session_id)
        except NotFound:
            return False
        return True

    async def follow(self) -> None:
        """Be the one subscriber of the live view, for ever; outages are bridged from the rows."""
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
            return  # neither is there: what was shown stays, and the loop tries again

    async def _for_watched(self, do: Callable[[int], Awaitable[object]]) -> None:
        for session_id in [i for i, known in self._newest_by_id.items() if known.watchers]:
            with suppress(NotFound):  # there is no news of a session that was deleted
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
            # As ProgressActor counts its versions, so that they go on rising when it is back.
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
    shown = before.phase(row.name)
    is_same = shown.attempt == row.attempt
    return replace(row, high_water_mark=max(row.high_water_mark, shown.current)) if is_same else row

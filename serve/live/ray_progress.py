"""The ProgressActor as a source of progress for `Live`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from ray.actor import ActorHandle
from ray.exceptions import RayError, RayTaskError

from cluster.core.errors import HeadcountError
from cluster.core.progress import UnifiedProgress
from serve.problems import LiveViewUnavailable

ANSWER_S = 3.0
"""Seconds to wait for an answer. An actor that takes longer is restarting, and the rows answer."""


class RayProgress:
    """`Progress` through a handle of the ProgressActor; `connect` returns a new handle.

    `read_snapshot` returns a session's shared snapshot on this node, or None.
    """

    def __init__(
        self,
        connect: Callable[[], ActorHandle],
        *,
        read_snapshot: Callable[[int], UnifiedProgress | None],
    ) -> None:
        self._connect, self._read_snapshot = connect, read_snapshot
        self._handle: ActorHandle | None = None

    async def show(self, session_id: int) -> UnifiedProgress:
        """Return a session's progress. Raises NotFound."""
        shown = self._read_snapshot(session_id)
        return cast(UnifiedProgress, shown or await self._ask("show", session_id))

    async def reload(self, session_id: int) -> None:
        """Read the session's rows again."""
        await self._ask("reload", session_id)

    async def changes(
        self, since: int, *, timeout_s: float
    ) -> tuple[int, tuple[UnifiedProgress, ...]]:
        """Wait for changes after version `since`; return the newest version and the sessions."""
        answer = await self._ask("changes", since, wait_s=timeout_s, timeout_s=timeout_s)
        return cast(tuple[int, tuple[UnifiedProgress, ...]], answer)

    async def ping(self) -> int:
        """Return the newest version."""
        return cast(int, await self._ask("ping"))

    async def _ask(
        self, method: str, *arguments: object, wait_s: float = 0.0, **options: object
    ) -> Any:
        try:
            async with asyncio.timeout(ANSWER_S + wait_s):
                if self._handle is None:
                    self._handle = await asyncio.to_thread(self._connect)
                return await getattr(self._handle, method).remote(*arguments, **options)
        except RayTaskError as error:
            if isinstance(error.cause, HeadcountError):
                raise error.cause from None
            raise
        except (RayError, TimeoutError) as error:
            self._handle = None
            raise LiveViewUnavailable("The ProgressActor does not answer.") from error

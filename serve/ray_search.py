"""Finds the faces in uploaded photos through an actor, because a replica never loads a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from ray.actor import ActorHandle
from ray.exceptions import PendingCallsLimitExceeded, RayActorError, RayError, RayTaskError

from cluster.actors.search_actor import NotReadInTime, SearchOverloaded
from cluster.core.errors import HeadcountError
from cluster.core.identity.faces import PhotoFaces
from serve.parts import PackChoice
from serve.problems import SearchUnavailable

ANSWER_S = 90.0
"""The timeout of a search. It covers loading models on a busy machine, and queued searches."""

IDLE_S = 300.0

StartSearch = Callable[[PackChoice], ActorHandle]


class RaySearch:
    """Sends photos to an actor that is started for the first photo and released when it is idle.

    There is one actor, for the pack of the newest request. An actor that decodes a photo for too
    long is replaced; it still answers the waiting requests, and then Ray ends it.
    """

    def __init__(self, start: StartSearch, *, idle_s: float = IDLE_S) -> None:
        self._start_search, self._idle_s = start, idle_s
        self._pack: PackChoice | None = None
        self._handle: ActorHandle | None = None
        self._starting = asyncio.Lock()
        self._waiting = 0
        self._release_timer: asyncio.TimerHandle | None = None

    async def find_faces(self, photo: bytes, pack: PackChoice) -> PhotoFaces:
        """Return the faces in `photo`.

        Raises UnreadableImage, PackNotFound or SearchUnavailable.
        """
        self._waiting += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._ask_until_accepted(photo, pack)
        except TimeoutError as error:
            raise SearchUnavailable("The search timed out.") from error
        finally:
            self._waiting -= 1
            self._release_when_idle()

    async def _ask_until_accepted(self, photo: bytes, pack: PackChoice) -> PhotoFaces:
        try:
            return await self._ask(photo, pack)
        except SearchOverloaded:
            return await self._ask(photo, pack)

    async def _ask(self, photo: bytes, pack: PackChoice) -> PhotoFaces:
        handle = await self._search(pack)
        try:
            return cast(PhotoFaces, await handle.find_faces.remote(photo))
        except RayTaskError as error:
            if isinstance(error.cause, NotReadInTime | SearchOverloaded):
                self._forget(handle)
            if isinstance(error.cause, HeadcountError):
                raise error.cause from None
            raise
        except PendingCallsLimitExceeded as error:
            raise SearchUnavailable("Too many photos are being searched.") from error
        except RayActorError as error:
            self._forget(handle)
            raise SearchUnavailable("The search actor died before it answered.") from error
        except RayError as error:
            raise SearchUnavailable("The Ray cluster does not answer.") from error
        finally:
            # An exception keeps this frame alive, and the handle in the frame the actor.
            del handle

    async def _search(self, pack: PackChoice) -> ActorHandle:
        async with self._starting:
            if self._handle is None or self._pack != pack:
                self._handle = await asyncio.to_thread(self._start_search, pack)
                self._pack = pack
            return self._handle

    def _release_when_idle(self) -> None:
        if self._release_timer is not None:
            self._release_timer.cancel()
        loop = asyncio.get_running_loop()
        self._release_timer = loop.call_later(self._idle_s, self._release)

    def _release(self) -> None:
        if not self._waiting:
            self._handle = None  # Ray ends an actor without handles.

    def _forget(self, handle: ActorHandle) -> None:
        if self._handle is handle:
            self._handle = None

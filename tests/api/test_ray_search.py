"""A search actor is started for a photo, kept for the next one, and released when it is idle."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import dataclass
from typing import Any

import pytest
from ray.exceptions import PendingCallsLimitExceeded, RayActorError, RayTaskError

from cluster.actors.search_actor import NotReadInTime, SearchOverloaded
from cluster.core.errors import PackNotFound, UnreadableImage
from cluster.core.identity.faces import PhotoFaces
from serve.parts import PackChoice
from serve.problems import SearchUnavailable
from serve.ray_search import RaySearch

ONE, OTHER = PackChoice("one", "one"), PackChoice("other", "/folder/other")
NO_FACES = PhotoFaces(1, 1, ())


class FakeStart:
    """Starts actors that give the answer that a test sets, and counts them."""

    def __init__(self) -> None:
        self.started: list[PackChoice] = []
        self.actors: list[weakref.ref[FakeActor]] = []
        self.answer: PhotoFaces | Exception = NO_FACES

    def __call__(self, pack: PackChoice) -> Any:
        if isinstance(self.answer, PackNotFound):
            raise self.answer
        self.started.append(pack)
        actor = FakeActor(self)
        self.actors.append(weakref.ref(actor))
        return actor


@dataclass
class FakeActor:
    """An actor handle, for `await handle.find_faces.remote(photo)`."""

    start: FakeStart

    @property
    def find_faces(self) -> FakeMethod:
        return FakeMethod(self.start)


@dataclass
class FakeMethod:
    """A method of an actor, which does not keep the actor's handle alive."""

    start: FakeStart

    async def remote(self, photo: bytes) -> PhotoFaces:
        if isinstance(self.start.answer, Exception):
            raise self.start.answer
        return self.start.answer


def ask(search: RaySearch, *packs: PackChoice) -> None:
    async def ask_all() -> None:
        for pack in packs:
            assert await search.find_faces(b"photo", pack) == NO_FACES

    asyncio.run(ask_all())


def test_one_actor_serves_all_photos_of_a_pack() -> None:
    start = FakeStart()
    ask(RaySearch(start), ONE, ONE, OTHER, OTHER, ONE)
    assert start.started == [ONE, OTHER, ONE]


def test_photos_that_come_together_start_one_actor() -> None:
    start = FakeStart()
    search = RaySearch(start)

    async def ask_at_once() -> None:
        await asyncio.gather(*(search.find_faces(b"photo", ONE) for _ in range(5)))

    asyncio.run(ask_at_once())
    assert start.started == [ONE]


def test_an_idle_actor_is_released() -> None:
    start = FakeStart()
    search = RaySearch(start, idle_s=0.01)

    async def ask_with_a_pause() -> None:
        await search.find_faces(b"photo", ONE)
        while search._handle is not None:
            await asyncio.sleep(0.01)
        await search.find_faces(b"photo", ONE)

    asyncio.run(ask_with_a_pause())
    assert start.started == [ONE, ONE]


@pytest.mark.parametrize("error", [RayActorError(), PendingCallsLimitExceeded()])
def test_a_search_that_fails_is_unavailable_and_the_next_one_works(error: Exception) -> None:
    start = FakeStart()
    search = RaySearch(start)
    start.answer = error
    with pytest.raises(SearchUnavailable):
        ask(search, ONE)
    start.answer = NO_FACES
    ask(search, ONE)
    assert len(start.started) == (2 if isinstance(error, RayActorError) else 1)


def fail(error: Exception) -> RayTaskError:
    """An error inside the actor, as Ray raises it in the caller."""
    return RayTaskError("find_faces", "", error)


def test_an_actor_that_was_kept_busy_too_long_is_replaced() -> None:
    start = FakeStart()
    search = RaySearch(start)
    start.answer = fail(NotReadInTime("The photo", "it could not be read within 60 seconds"))
    with pytest.raises(UnreadableImage, match="within 60 seconds"):
        ask(search, ONE)
    start.answer = NO_FACES
    ask(search, ONE)
    assert start.started == [ONE, ONE]


def test_an_actor_that_is_replaced_is_released() -> None:
    """Ray ends the actor at once, and not only when Python next collects garbage."""
    start = FakeStart()
    search = RaySearch(start)
    start.answer = fail(NotReadInTime("The photo", "it could not be read within 60 seconds"))
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(UnreadableImage):
            ask(search, ONE)
        assert [actor() for actor in start.actors] == [None]
    finally:
        gc.enable()


def test_a_photo_that_comes_to_a_burdened_actor_is_sent_to_another() -> None:
    class OnceOverloaded(FakeStart):
        def __call__(self, pack: PackChoice) -> Any:
            self.answer = NO_FACES if self.started else fail(SearchOverloaded())
            return super().__call__(pack)

    start = OnceOverloaded()
    ask(RaySearch(start), ONE, ONE)
    assert start.started == [ONE, ONE]


def test_an_unreadable_photo_starts_no_actor() -> None:
    start = FakeStart()
    search = RaySearch(start)
    start.answer = fail(UnreadableImage("The photo", "not a photo"))
    with pytest.raises(UnreadableImage):
        ask(search, ONE)
    start.answer = NO_FACES
    ask(search, ONE)
    assert start.started == [ONE]


def test_a_pack_that_is_gone_is_said_to_be() -> None:
    start = FakeStart()
    start.answer = PackNotFound("one", "its files are gone")
    with pytest.raises(PackNotFound):
        ask(RaySearch(start), ONE)

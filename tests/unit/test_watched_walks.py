"""A walk through a library can be left at any time, even when a mount is dead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from cluster.core.errors import RootUnreachable
from cluster.core.pictures.photos import FoundPhoto
from cluster.vision.sources.watched_walk import CHUNK, MOST_CHUNKS, WatchedWalk
from tests.waiting import PATIENT_S

SILENT = RootUnreachable("/photos", 0.05)


def photos(count: int) -> list[FoundPhoto]:
    return [FoundPhoto(f"/photos/{n}.jpg", n, n) for n in range(count)]


def watch(
    walk: Callable[[Callable[[], None]], Iterable[FoundPhoto]],
    *,
    silence_s: float = PATIENT_S,
    limit_s: float | None = None,
    most: int | None = None,
) -> WatchedWalk:
    return WatchedWalk(walk, silence_s=silence_s, unreachable=SILENT, limit_s=limit_s, most=most)


def test_every_photo_comes_once_and_in_order() -> None:
    walk = watch(lambda hear: photos(3 * CHUNK + 7))
    assert list(walk) == photos(3 * CHUNK + 7)
    assert walk.is_complete


def test_an_error_of_the_walk_is_raised_to_the_caller() -> None:
    def fail(hear: Callable[[], None]) -> Iterator[FoundPhoto]:
        yield photos(1)[0]
        raise OSError("the disk is away")

    walk = watch(fail)
    with pytest.raises(OSError, match="the disk is away"):
        list(walk)
    assert not walk.is_complete


def test_a_silent_walk_is_left() -> None:
    is_over = threading.Event()

    def hang(hear: Callable[[], None]) -> Iterator[FoundPhoto]:
        is_over.wait(PATIENT_S)
        yield from ()

    with pytest.raises(RootUnreachable):
        list(watch(hang, silence_s=0.05))
    is_over.set()


def test_a_walk_without_photos_is_not_silent_while_it_meets_entries() -> None:
    def meet(hear: Callable[[], None]) -> Iterator[FoundPhoto]:
        for _ in range(30):
            hear()
            threading.Event().wait(0.01)
        yield from photos(1)

    assert list(watch(meet)) == photos(1)


def test_a_walk_that_takes_too_long_is_left_with_what_it_found() -> None:
    is_left = threading.Event()

    def go_on(hear: Callable[[], None]) -> Iterator[FoundPhoto]:
        try:
            while True:
                hear()
                yield photos(1)[0]
        finally:
            is_left.set()

    walk = watch(go_on, limit_s=0.3)
    assert list(walk)
    assert not walk.is_complete
    assert is_left.wait(PATIENT_S), "the thread of the walk ends too"


def test_a_walk_ends_after_the_most_photos() -> None:
    walk = watch(lambda hear: photos(100 * CHUNK), most=2 * CHUNK)
    assert 2 * CHUNK <= len(list(walk)) <= 3 * CHUNK
    assert not walk.is_complete


def test_a_walk_does_not_run_ahead_of_its_caller() -> None:
    met, is_full = 0, threading.Event()

    def count(hear: Callable[[], None]) -> Iterator[FoundPhoto]:
        nonlocal met
        for photo in photos(100 * CHUNK):
            met += 1
            if met == MOST_CHUNKS * CHUNK:
                is_full.set()
            yield photo

    walk = iter(watch(count))
    next(walk)
    assert is_full.wait(PATIENT_S)
    threading.Event().wait(0.3)
    assert met <= (MOST_CHUNKS + 3) * CHUNK
    walk.close()  # type: ignore[attr-defined]


def test_a_caller_that_stops_ends_the_walk() -> None:
    is_left = threading.Event()

    def go_on(hear: Callable[[], None]) -> Iterator[FoundPhoto]:
        try:
            while True:
                hear()
                yield photos(1)[0]
        finally:
            is_left.set()

    walk = iter(watch(go_on))
    next(walk)
    walk.close()  # type: ignore[attr-defined]
    assert is_left.wait(PATIENT_S)

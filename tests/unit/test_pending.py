"""PendingItems and discovery give every item once, in order, with bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from cluster.core.errors import RootUnreachable
from cluster.core.pictures.photos import FoundPhoto, Item
from cluster.core.reports import MAX_REPORTS_PER_S, MIN_INTERVAL_S, report_interval_s
from cluster.pipeline.pending import (
    CHUNK,
    CHUNK_S,
    FIRST_CHUNK,
    LARGEST_BATCH,
    MAX_BATCHES_PER_S,
    PAGE,
    Discovery,
    PendingItems,
)
from tests.waiting import PATIENT_S


def make_items(count: int) -> list[Item]:
    return [Item(file_id=1000 - n, path=f"/{n}", position=n + 1) for n in range(count)]


def build_pending(items: list[Item], *, batch_size: int = 16, growing: list[bool]) -> PendingItems:
    def list_pending(after: int, limit: int) -> list[Item]:
        return [item for item in items if item.position > after][:limit]

    return PendingItems(list_pending, batch_size=batch_size, more_may_come=lambda: growing[0])


def drain(pending: PendingItems) -> list[Item]:
    taken: list[Item] = []
    while items := pending.next_items():
        taken.extend(items)
    return taken


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, PAGE, PAGE + 1, 2 * PAGE + 7])
def test_every_item_is_handed_out_once_in_the_order_of_finding(count: int) -> None:
    items = make_items(count)
    pending = build_pending(items, growing=[False])
    assert drain(pending) == items
    assert pending.is_exhausted


def test_an_empty_page_is_not_the_end_while_discovery_runs() -> None:
    items, growing = make_items(3), [True]
    pending = build_pending(items, growing=growing)
    assert drain(pending) == items
    assert not pending.is_exhausted
    items.extend(make_items(8)[3:])
    growing[0] = False
    assert drain(pending) == items[3:]
    assert pending.is_exhausted


def test_batches_grow_where_photos_are_done_fast_and_only_there() -> None:
    items, now = make_items(20 * PAGE), [0.0]
    sizes = {}
    for photos_per_s in (100, 4000, 10**6):
        pending = PendingItems(
            lambda after, limit: items[after : after + limit],
            batch_size=16,
            more_may_come=lambda: True,
            clock=lambda: now[0],
        )
        given, started, largest = 0, now[0], 0
        while given < 15_000 and now[0] - started < 10:
            size = len(pending.next_items())
            given, largest = given + size, max(largest, size)
            now[0] += size / photos_per_s + 0.001
        sizes[photos_per_s] = largest
    assert sizes[100] == 16
    assert 16 < sizes[4000] <= 4000 // MAX_BATCHES_PER_S
    assert sizes[10**6] <= LARGEST_BATCH


def test_many_workers_report_no_more_often_than_the_live_view_can_take() -> None:
    assert report_interval_s(2) == MIN_INTERVAL_S
    assert report_interval_s(1000) == 1000 / MAX_REPORTS_PER_S


def run_discovery(
    count: int, *, fail: bool = False, photo_s: float = 0.0
) -> tuple[list[int], list[str], Discovery]:
    """Discover photos, each of which takes `photo_s` seconds to find."""
    chunks: list[int] = []
    now = [0.0]
    ends: list[str] = []

    def store(chunk: Sequence[FoundPhoto]) -> None:
        if fail:
            raise OSError("no space left")
        chunks.append(len(chunk))

    def walk(hear: Callable[[], None]) -> Iterator[FoundPhoto]:
        for n in range(count):
            hear()
            now[0] += photo_s
            yield FoundPhoto(f"/{n}", 1, 1)

    discovery = Discovery(
        walk,
        store=store,
        finish=lambda: ends.append("finished"),
        silence_s=60,
        unreachable=RootUnreachable("/photos", 60),
        clock=lambda: now[0],
    )
    discovery.start()
    discovery.join()
    return chunks, ends, discovery


def test_discovery_stores_a_small_first_chunk_so_that_work_starts_at_once() -> None:
    chunks, ends, discovery = run_discovery(FIRST_CHUNK + CHUNK + 5)
    assert chunks == [FIRST_CHUNK, CHUNK, 5]
    assert ends == ["finished"]
    discovery.check()


def test_what_a_slow_disk_lists_is_stored_every_few_seconds() -> None:
    chunks, ends, _ = run_discovery(FIRST_CHUNK, photo_s=CHUNK_S / 4)
    assert chunks == [4] * (FIRST_CHUNK // 4)
    assert ends == ["finished"]


def test_discovery_that_fails_is_not_finished_and_says_why() -> None:
    _, ends, discovery = run_discovery(10, fail=True)
    assert ends == []
    with pytest.raises(OSError, match="no space left"):
        discovery.check()


class DeadMount:
    """A mount on which two photos are found, and then the listing hangs."""

    def __init__(self) -> None:
        self.is_alive_again = threading.Event()
        self.is_hanging = threading.Event()

    def walk(self, hear: Callable[[], None]) -> Iterator[FoundPhoto]:
        for n in range(2):
            hear()
            yield FoundPhoto(f"/{n}", 1, 1)
        self.is_hanging.set()
        self.is_alive_again.wait()


def test_a_walk_that_hangs_in_a_dead_mount_ends_with_a_clear_error() -> None:
    mount, now = DeadMount(), [0.0]
    discovery = Discovery(
        mount.walk,
        store=lambda chunk: None,
        finish=lambda: None,
        silence_s=60,
        unreachable=RootUnreachable("/photos", 60),
        clock=lambda: now[0],
    )
    discovery.start()
    mount.is_hanging.wait()
    now[0] = 59.0
    assert discovery.poll()
    now[0] = 61.0
    with pytest.raises(RootUnreachable, match="/photos: no answer for 60 seconds"):
        assert discovery.poll()
    mount.is_alive_again.set()


def test_a_database_that_takes_long_is_no_dead_mount() -> None:
    now, is_stored, is_storing = [0.0], threading.Event(), threading.Event()

    def store(chunk: Sequence[FoundPhoto]) -> None:
        is_storing.set()
        is_stored.wait()

    discovery = Discovery(
        lambda hear: [FoundPhoto("/1", 1, 1)],
        store=store,
        finish=lambda: None,
        silence_s=60,
        unreachable=RootUnreachable("/photos", 60),
        clock=lambda: now[0],
    )
    discovery.start()
    is_storing.wait()
    now[0] = 3600.0
    assert discovery.poll()
    is_stored.set()
    discovery.join(timeout_s=PATIENT_S)
    assert not discovery.poll()

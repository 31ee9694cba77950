"""Work that was left behind releases its locks, and its process is to be replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from cluster.actors.detection import Detection
from cluster.core.errors import UnreachableImage
from cluster.core.metrics import NoMeter
from cluster.core.pictures.photos import (
    Batch,
    DetectionOutcome,
    Item,
    PhotoRecord,
    Settled,
    TrainingOutcome,
)
from cluster.core.progress import PhaseCounts
from cluster.core.reports import BatchReporter, Throttle
from cluster.core.sessions import PhaseName
from cluster.tasks.ingest import train_batch
from cluster.vision.packs.detector import PreparedPhoto
from cluster.vision.sources.deadlines import (
    TimeOver,
    begin_computing,
    holding,
    is_overloaded,
    wait_for,
    within,
)
from tests.unit.test_stopped_batches import NOTHING, BlindDetector
from tests.waiting import PATIENT_S

ITEMS = tuple(Item(n, f"/photos/{n}.jpg") for n in range(8))
HOSTILE = ITEMS[2]
SOON, LONG_AFTER = 0.01, 1e6


class Hostile:
    """Work that computes until it is told to end, and holds a lock."""

    def __init__(self, lock: threading.Lock | None = None) -> None:
        self._lock = lock or threading.Lock()
        self._now = 0.0
        self._may_end = threading.Event()
        self._thread = threading.current_thread()

    def __call__(self) -> None:
        self._thread = threading.current_thread()
        begin_computing()
        with holding(self._lock):
            self._now = LONG_AFTER
            self._may_end.wait()

    def leave_behind(self) -> None:
        """Start the work and leave it behind: its time runs out as soon as it has begun."""
        with pytest.raises(TimeOver):
            wait_for(SOON, self, clock=lambda: self._now)

    def end(self) -> None:
        """End the work and its thread."""
        self._may_end.set()
        if self._thread is not threading.current_thread():
            self._thread.join(PATIENT_S)


@pytest.fixture
def lock() -> threading.Lock:
    return threading.Lock()


@pytest.fixture
def hostile(lock: threading.Lock) -> Iterator[Hostile]:
    hostile = Hostile(lock)
    yield hostile
    hostile.end()


def test_a_lock_is_free_when_its_holder_is_left_behind(
    hostile: Hostile, lock: threading.Lock
) -> None:
    hostile.leave_behind()

    def read() -> str:
        with holding(lock):
            return "read"

    assert within(PATIENT_S, "good.jpg", read) == "read"
    assert lock.acquire(blocking=False), "the good photo has released the lock"
    hostile.end()
    assert lock.locked(), "work left behind keeps no lock from others"


class LongLine:
    """A lock that is acquired after a long time."""

    def __init__(self) -> None:
        self.now = 0.0

    def acquire(self) -> None:
        self.now = LONG_AFTER
        threading.Event().wait(20 * SOON)  # Time for the caller to look at the clock.

    def release(self) -> None:
        pass


def test_waiting_for_others_does_not_use_up_the_time_of_a_photo() -> None:
    """Otherwise a good photo that waits while a hostile one is decoded would fail too."""
    line: Any = LongLine()

    def read() -> str:
        with holding(line):
            return "read"

    assert wait_for(SOON, read, clock=lambda: line.now) == "read"


def test_a_process_is_burdened_as_long_as_it_computes_what_it_left(hostile: Hostile) -> None:
    assert not is_overloaded()
    hostile.leave_behind()
    assert is_overloaded()
    hostile.end()
    assert not is_overloaded()


def test_a_dead_mount_is_no_burden() -> None:
    """Waiting for a mount uses no processor, so that the worker goes on with the next photo."""
    is_alive_again = threading.Event()
    with pytest.raises(UnreachableImage):
        within(0.01, "/dead/mount.jpg", is_alive_again.wait)
    assert not is_overloaded()
    is_alive_again.set()


def test_what_was_left_behind_while_it_was_read_is_not_decoded_any_more() -> None:
    is_alive_again, ended = threading.Event(), threading.Event()

    def read() -> None:
        is_alive_again.wait()
        try:
            begin_computing()
        except TimeOver:
            ended.set()

    with pytest.raises(UnreachableImage):
        within(0.01, "/dead/mount.jpg", read)
    is_alive_again.set()
    assert ended.wait(PATIENT_S)
    assert not is_overloaded()


def test_a_training_batch_gives_back_what_comes_after_a_photo_that_was_left_behind(
    hostile: Hostile,
) -> None:
    committed: list[int] = []

    def read(item: Item) -> TrainingOutcome:
        if item == HOSTILE:
            hostile.leave_behind()
            raise UnreachableImage(item.path, "it could not be read")
        return TrainingOutcome(item.file_id, PhotoRecord(b"", 1, 1, None, 0, 0, b""))

    def settle(outcomes: Sequence[TrainingOutcome]) -> Settled:
        committed.extend(outcome.file_id for outcome in outcomes)
        return NOTHING

    def train(items: tuple[Item, ...]) -> tuple[Item, ...]:
        batch = Batch(1, 1, 1, "bundled", items)
        reporter = BatchReporter(
            1, PhaseName.TRAINING, 1, 1, send=lambda _: None, clock=lambda: 0.0, throttle=Throttle()
        )
        return train_batch(batch, read=read, settle=settle, reporter=reporter, meter=NoMeter()).left

    assert train(ITEMS) == ITEMS[3:]
    assert committed == [0, 1, 2]


@pytest.mark.parametrize("decode_threads", [0, 3])
def test_a_detector_gives_back_what_comes_after_a_photo_that_was_left_behind(
    hostile: Hostile, decode_threads: int
) -> None:
    committed: list[int] = []

    class Detector(BlindDetector):
        def prepare(self, path: str) -> PreparedPhoto:
            if path == HOSTILE.path:
                hostile.leave_behind()
                raise UnreachableImage(path, "it could not be read")
            return super().prepare(path)

    def settle(_: Batch, outcomes: Sequence[DetectionOutcome]) -> Settled:
        committed.extend(outcome.file_id for outcome in outcomes)
        return Settled(1, PhaseCounts())

    detector: Any = Detector()
    detection = Detection(
        detector=detector,
        settle=settle,
        send=lambda _: None,
        done=lambda _: None,
        decode_threads=decode_threads,
    )
    first = detection.detect_batch(Batch(1, 1, 1, "bundled", ITEMS))
    assert first.is_overloaded
    assert HOSTILE.file_id in committed
    assert [*committed, *(item.file_id for item in first.left)] == list(range(8))
    second = detection.detect_batch(Batch(1, 1, 2, "bundled", ITEMS[:2]))
    assert second.left == ITEMS[:2]
    hostile.end()
    third = detection.detect_batch(Batch(1, 1, 3, "bundled", first.left))
    assert (third.left, third.is_overloaded) == ((), False)

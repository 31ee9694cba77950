"""A batch whose session is stopped commits the finished photos; the rest is done again later."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cluster.actors.detection import Detection
from cluster.core.metrics import NoMeter
from cluster.core.pictures.photos import (
    Batch,
    DetectionOutcome,
    Item,
    PhotoRecord,
    Settled,
    TrainingOutcome,
)
from cluster.core.progress import PhaseCounts, PhaseSnapshot
from cluster.core.reports import BatchReporter, Throttle
from cluster.core.sessions import PhaseName
from cluster.core.steps import StepTimes
from cluster.pipeline.run import is_any_left
from cluster.tasks.ingest import train_batch
from cluster.vision.packs.detector import PreparedPhoto
from cluster.vision.photos.images import OpenedImage

ITEMS = tuple(Item(n, f"/photos/{n}.jpg") for n in range(8))
NOTHING = Settled(1, PhaseCounts())


def stopping_after(photos: int) -> Callable[..., bool]:
    """A question that is answered with yes after it was asked a number of times."""
    asked = iter([False] * photos)
    return lambda *_: next(asked, True)


class BlindDetector:
    """Opens every photo, and finds no faces."""

    provider, photos_at_once = "CPU", 1

    def __init__(self) -> None:
        self.times = StepTimes(time.perf_counter)

    def prepare(self, path: str) -> PreparedPhoto:
        return PreparedPhoto(path, None, OpenedImage(np.zeros((1, 1, 3), np.uint8), 1, 1))

    def detect(self, photos: Sequence[PreparedPhoto]) -> list[tuple[()]]:
        return [() for _ in photos]


@pytest.mark.parametrize("done", [0, 3, 8])
@pytest.mark.parametrize("decode_threads", [0, 2])
def test_a_detector_commits_what_it_had_begun(done: int, decode_threads: int) -> None:
    committed: list[DetectionOutcome] = []

    def settle(_: Batch, outcomes: Sequence[DetectionOutcome]) -> Settled:
        committed.extend(outcomes)
        return NOTHING

    detector: Any = BlindDetector()
    detection = Detection(
        detector=detector,
        settle=settle,
        send=lambda _: None,
        done=lambda _: None,
        decode_threads=decode_threads,
        is_stopped=stopping_after(done),
    )
    detection.detect_batch(Batch(1, 1, 1, "bundled", ITEMS))
    assert [outcome.file_id for outcome in committed] == [item.file_id for item in ITEMS[:done]]


@pytest.mark.parametrize("done", [0, 3, 8])
def test_a_training_task_commits_what_it_had_read(done: int) -> None:
    committed: list[TrainingOutcome] = []

    def settle(outcomes: Sequence[TrainingOutcome]) -> Settled:
        committed.extend(outcomes)
        return NOTHING

    def read(item: Item) -> TrainingOutcome:
        return TrainingOutcome(item.file_id, PhotoRecord(b"", 1, 1, None, 0, 0, b""))

    train_batch(
        Batch(1, 1, 1, "bundled", ITEMS),
        read=read,
        settle=settle,
        reporter=BatchReporter(
            1, PhaseName.TRAINING, 1, 1, send=lambda _: None, clock=lambda: 0.0, throttle=Throttle()
        ),
        meter=NoMeter(),
        is_stopped=stopping_after(done),
    )
    assert [outcome.file_id for outcome in committed] == [item.file_id for item in ITEMS[:done]]


@pytest.mark.parametrize(
    ("name", "before", "now", "expected"),
    [
        (PhaseName.TRAINING, 2, 6, True),
        (PhaseName.TRAINING, 2, 8, False),
        (PhaseName.FACE_DETECTION, 6, 6, False),
        (PhaseName.CLUSTERING, 0, 6, False),
    ],
)
def test_what_came_back_is_handed_out_again_as_long_as_something_moves(
    name: PhaseName, before: int, now: int, expected: bool
) -> None:
    earlier = PhaseSnapshot(name, counts=PhaseCounts(8, before))
    later = PhaseSnapshot(name, counts=PhaseCounts(8, now))
    assert is_any_left(earlier, later) is expected


class RereadingDetector(BlindDetector):
    """Reads every photo again, and finds no faces."""

    def prepare(self, path: str) -> PreparedPhoto:
        return replace(super().prepare(path), data=b"another picture")


def test_a_file_that_changed_since_training_read_it_is_not_looked_at() -> None:
    committed: list[DetectionOutcome] = []

    def settle(_: Batch, outcomes: Sequence[DetectionOutcome]) -> Settled:
        committed.extend(outcomes)
        return NOTHING

    detector: Any = RereadingDetector()
    detection = Detection(
        detector=detector, settle=settle, send=lambda _: None, done=lambda _: None
    )
    same = hashlib.sha256(b"another picture").digest()
    items = (Item(1, "/a.jpg", sha256=same), Item(2, "/b.jpg", sha256=bytes(32)))
    detection.detect_batch(Batch(1, 1, 1, "bundled", items))
    assert [outcome.failure for outcome in committed] == [
        None,
        "the file has changed since it was read",
    ]

"""What a client sees while a worker is at work on a batch of which nothing is committed yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
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
from cluster.core.progress import PhaseCounts
from cluster.core.reports import BatchReporter, InFlight, Throttle
from cluster.core.sessions import PhaseName
from cluster.core.steps import StepTimes
from cluster.tasks.ingest import train_batch
from cluster.vision.packs.detector import PreparedPhoto
from cluster.vision.photos.images import OpenedImage
from tests.api.running import PACK, Worker, get_progress, readable

BATCH = 16
NOTHING = Settled(1, PhaseCounts())
AT_EACH_PHOTO_S = 0.0
"""Workers report about four times a second, whatever their speed. Here they report each photo."""


class LookingDetector:
    """Finds no faces, and calls `look` before each photo."""

    provider, photos_at_once = "CPU", 1

    def __init__(self, look: Callable[[], object]) -> None:
        self.times, self._look = StepTimes(time.perf_counter), look

    def prepare(self, path: str) -> PreparedPhoto:
        return PreparedPhoto(path, None, OpenedImage(np.zeros((1, 1, 3), np.uint8), 1, 1))

    def detect(self, photos: Sequence[PreparedPhoto]) -> list[tuple[()]]:
        self._look()
        return [() for _ in photos]


def reporting(worker: Worker) -> Callable[[InFlight], None]:
    """Report to the live view, and return when it shows the report."""
    return lambda report: worker.app.run(worker.progress.in_flight(report))


def train(worker: Worker, items: Sequence[Item], look: Callable[[], object]) -> None:
    """Do all that a training task does, except the commit."""

    def read(item: Item) -> PhotoRecord:
        look()
        record = readable(item).record
        assert record is not None
        return record

    def settle(_: Sequence[TrainingOutcome]) -> Settled:
        look()
        return NOTHING

    name = PhaseName.TRAINING
    train_batch(
        Batch(worker.session_id, 1, 7, PACK, tuple(items)),
        read=read,
        settle=settle,
        reporter=BatchReporter(
            worker.session_id,
            name,
            1,
            7,
            send=reporting(worker),
            clock=time.monotonic,
            throttle=Throttle(AT_EACH_PHOTO_S),
        ),
        meter=NoMeter(),
    )


def detect(worker: Worker, items: Sequence[Item], look: Callable[[], object]) -> None:
    """Do all that a detector does, except the commit."""

    def settle(_: Batch, __: Sequence[DetectionOutcome]) -> Settled:
        look()
        return NOTHING

    detector: Any = LookingDetector(look)
    detection = Detection(
        detector=detector,
        settle=settle,
        send=reporting(worker),
        done=lambda _: None,
        report_interval_s=AT_EACH_PHOTO_S,
    )
    detection.detect_batch(Batch(worker.session_id, 1, 7, PACK, tuple(items)))


@pytest.mark.parametrize("work", [train, detect], ids=["training", "faceDetection"])
def test_no_photo_waits_for_its_batch(
    api: httpx.Client, worker: Worker, work: Callable[..., None]
) -> None:
    """[3] A batch of 16 is seen 16 times, not once, on a machine of any speed."""
    worker.find(2 * BATCH)
    worker.end_discovery()
    key, phase = "training", PhaseName.TRAINING
    if work is detect:
        worker.train_all()
        worker.complete(PhaseName.TRAINING)
        worker.start(PhaseName.FACE_DETECTION)
        key, phase = "faceDetection", PhaseName.FACE_DETECTION
    seen: list[int] = []

    def look() -> None:
        shown = get_progress(api, worker.session_id)["phases"][key]
        assert shown["status"] == "running"
        seen.append(shown["progress"]["current"])

    work(worker, worker.pending(phase, limit=BATCH), look)
    assert seen == list(range(BATCH + 1))

"""Face detection: an actor that holds one model and takes batches of photos.

`Detection` is the logic without Ray. Ray calls `detect_batch` on two threads: while one batch is in
the model, the next one is read and decoded and the last one committed; the model itself is used by
one batch at a time, photo by photo, so that progress moves per photo.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import ray
from ray.actor import ActorHandle

from cluster.core.errors import UnreadableImage
from cluster.core.faces import Face
from cluster.core.photos import DetectionOutcome, Item, Settled
from cluster.core.reports import BatchReporter, InFlight, SettledReport, Throttle
from cluster.core.sessions import PhaseName
from cluster.store.engine import Engine, begin, build_engine
from cluster.store.items import settle_detection
from cluster.vision.detector import DetectorOptions, FaceDetector, PreparedPhoto, load_detector
from cluster.vision.packs import Pack


@dataclass(frozen=True, slots=True)
class DetectionBatch:
    """Photos that one actor looks at and commits together."""

    session_id: int
    attempt: int
    batch_id: int
    pack: str
    items: tuple[Item, ...]


Settle = Callable[[DetectionBatch, Sequence[DetectionOutcome]], Settled]


class Detection:
    """Finds the faces of batches of photos with one detector.

    `settle` commits a batch's outcomes and returns the phase's new counts; `send` and `done` tell
    the live view what is in flight and what has settled.
    """

    def __init__(
        self,
        *,
        detector: FaceDetector,
        settle: Settle,
        send: Callable[[InFlight], object],
        done: Callable[[SettledReport], object],
        decode_threads: int = 2,
    ) -> None:
        self._detector, self._settle, self._send, self._done = detector, settle, send, done
        self._model = threading.Lock()
        self._throttle = Throttle()
        self._decoders = ThreadPoolExecutor(decode_threads, thread_name_prefix="decode")

    def detect_batch(self, batch: DetectionBatch) -> Settled:
        """Find the faces of a batch, commit them in one transaction, return the new counts."""
        photos = [self._decoders.submit(self._detector.prepare, i.path) for i in batch.items]
        reporter = self._reporter(batch)
        outcomes = []
        with self._model:
            for item, photo in zip(batch.items, photos, strict=True):
                outcomes.append(self._detect_item(item, photo))
                reporter.photo_done()
        settled = self._settle(batch, outcomes)
        phase = PhaseName.FACE_DETECTION
        self._done(SettledReport(batch.session_id, phase, batch.attempt, batch.batch_id, settled))
        return settled

    def describe(self) -> str:
        """Say on what the model runs: CPU or CUDA."""
        return self._detector.provider

    def _detect_item(self, item: Item, photo: Future[PreparedPhoto]) -> DetectionOutcome:
        try:
            return DetectionOutcome(item.image_id, faces=self._find_faces(photo))
        except UnreadableImage as error:
            return DetectionOutcome(item.image_id, failure=error.reason)
        except Exception as error:  # The per-photo boundary: the batch goes on.
            return DetectionOutcome(item.image_id, failure=f"{type(error).__name__}: {error}")

    def _find_faces(self, photo: Future[PreparedPhoto]) -> tuple[Face, ...]:
        (faces,) = self._detector.detect([photo.result()])
        return faces

    def _reporter(self, batch: DetectionBatch) -> BatchReporter:
        return BatchReporter(
            batch.session_id,
            PhaseName.FACE_DETECTION,
            batch.attempt,
            batch.batch_id,
            send=self._send,
            clock=time.monotonic,
            throttle=self._throttle,
        )


def commit_detection(
    batch: DetectionBatch, outcomes: Sequence[DetectionOutcome], *, engine: Engine
) -> Settled:
    """Write the outcomes of a batch in one transaction; written twice, they count once."""
    with begin(engine) as db:
        now = datetime.now(UTC)
        return settle_detection(db, batch.session_id, outcomes, pack=batch.pack, now=now)


@ray.remote(max_restarts=0, max_concurrency=2)
class FaceDetectorActor(Detection):
    """`Detection` as a Ray actor; the pipeline starts a new one when it dies."""

    def __init__(
        self,
        pack: Pack,
        options: DetectorOptions,
        *,
        database_url: str,
        progress: ActorHandle,
        decode_threads: int,
    ) -> None:
        super().__init__(
            detector=load_detector(pack, options),
            settle=partial(commit_detection, engine=build_engine(database_url, pool_size=2)),
            send=progress.in_flight.remote,
            done=progress.settled.remote,
            decode_threads=decode_threads,
        )

"""Face detection: an actor that holds one model and processes batches of photos.

`Detection` is the logic without Ray. Ray calls `detect_batch` on two threads, so that one batch is
committed while the model runs on the next one. Only one batch at a time uses the model. The model
gets a few photos at once (one on CPU), so that progress moves per photo. `decode_threads` threads
read and decode ahead. Without such threads, each photo is decoded just before detection, which is
faster if the model runs on the same cores.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np
import ray
from ray.actor import ActorHandle

from cluster.actors.detection_outcomes import check_unchanged, to_failure, to_outcome
from cluster.actors.detector_probe import time_photos
from cluster.actors.film_search import FilmSearch, SearchStopped
from cluster.core.errors import DatabaseUnavailable
from cluster.core.metrics import BATCH_SECONDS, Meter, NoMeter
from cluster.core.pictures.film_places import FilmPlace
from cluster.core.pictures.photos import Batch, DetectionOutcome, Item, Settled
from cluster.core.reports import (
    MIN_INTERVAL_S,
    BatchReporter,
    FilmReport,
    InFlight,
    SettledReport,
    Throttle,
)
from cluster.core.sessions import PhaseName
from cluster.core.steps import StepTimes
from cluster.core.time_left.workload import Probe
from cluster.logs import bind, log_to_stderr
from cluster.priority import work_in_background
from cluster.ray_meter import RayMeter
from cluster.store.database.engine import Engine, begin, build_engine, check_database
from cluster.store.database.retries import RetryPolicy, Waited
from cluster.store.items.detection_batches import settle_detection
from cluster.store.sessions.cancellation import worker_cancellation
from cluster.store.sessions.counts import no_wait
from cluster.vision.packs.detector import (
    DetectorOptions,
    FaceDetector,
    PreparedPhoto,
    load_detector,
)
from cluster.vision.packs.pack_files import Pack
from cluster.vision.photos.decoded_cache import DecodedCopies
from cluster.vision.photos.images import OpenedImage
from cluster.vision.sources.deadlines import is_overloaded


@dataclass(frozen=True, slots=True)
class Detected:
    """The result of a batch: the phase's new counts, in `settled`.

    If the process `is_overloaded`, it still decodes a photo that was left behind. Another process
    must then search the photos in `left`.
    """

    settled: Settled
    left: tuple[Item, ...] = ()
    is_overloaded: bool = False


Prepared = tuple[Item, PreparedPhoto | DetectionOutcome]
"""An item and its decoded photo, or its outcome if it could not be decoded."""

Settle = Callable[[Batch, Sequence[DetectionOutcome]], Settled]


class Detection:
    """Finds the faces of batches of photos with one detector.

    `settle` commits a batch's outcomes and returns the phase's new counts. `send` reports to the
    live view which photos are in flight, and `done` which counts have settled. `meter` receives the
    seconds of each step. `is_stopped` tells whether a user has stopped a session. `searching`
    reports the position of the search in a film.
    """

    def __init__(
        self,
        *,
        detector: FaceDetector,
        settle: Settle,
        send: Callable[[InFlight], object],
        done: Callable[[SettledReport], object],
        decode_threads: int = 0,
        copies: DecodedCopies | None = None,
        meter: Meter | None = None,
        report_interval_s: float = MIN_INTERVAL_S,
        is_stopped: Callable[[int], bool] = lambda session_id: False,
        searching: Callable[[FilmReport], object] = lambda report: None,
    ) -> None:
        self._is_stopped, self._searching = is_stopped, searching
        self._meter = meter or NoMeter()
        self._times = StepTimes(time.perf_counter)
        self._detector, self._settle, self._send, self._done = detector, settle, send, done
        self._copies = copies
        self._model = threading.Lock()
        self._throttle = Throttle(report_interval_s)
        self._ahead = decode_threads + detector.photos_at_once
        self._decoders = ThreadPoolExecutor(decode_threads) if decode_threads else None

    def detect_batch(self, batch: Batch) -> Detected:
        """Find the faces of a batch, commit them in one transaction, and return the new counts.

        The films of the batch come after its photos.

        If the session was stopped, the remaining photos stay pending. If a photo was left behind
        and is still being decoded, the photos after it are returned in `left`.
        """
        reporter = self._reporter(batch)
        outcomes: list[DetectionOutcome] = []
        photos_alone = (item for item in batch.items if item.duration_s is None)
        films = (item for item in batch.items if item.duration_s is not None)
        with self._model:
            photos = self._prepare_ahead(self._until_ended(batch, photos_alone))
            while some := list(itertools.islice(photos, self._detector.photos_at_once)):
                for outcome in self._detect_some(some):
                    outcomes.append(outcome)
                    reporter.photo_done()
            for outcome in self._search_films(batch, films):
                outcomes.append(outcome)
                reporter.photo_done()
            self._measure(self._times.take() | self._detector.times.take())
        done = {outcome.file_id for outcome in outcomes}
        is_stopped = self._is_stopped(batch.session_id)
        left = () if is_stopped else tuple(one for one in batch.items if one.file_id not in done)
        started = time.perf_counter()
        settled = self._settle(batch, outcomes)
        self._measure({"commit": time.perf_counter() - started})
        phase = PhaseName.FACE_DETECTION
        self._done(SettledReport(batch.session_id, phase, batch.attempt, batch.batch_id, settled))
        return Detected(settled, left, is_overloaded())

    def describe(self) -> str:
        """Return the provider that the models run on: "CPU" or "CUDA"."""
        return self._detector.provider

    def probe(self, paths: Sequence[str]) -> Probe | None:
        """Time the search of a few photos; None if none of them could be searched.

        The time of reading is left out if training keeps decoded copies.
        """
        with self._model:
            return time_photos(self._detector, paths, reads=self._copies is None)

    def _search_films(self, batch: Batch, films: Iterator[Item]) -> Iterator[DetectionOutcome]:
        """Yield the outcome of each film, except for a film whose search was stopped."""
        tell = partial(self._tell_place, batch)
        for item in self._until_ended(batch, films):
            try:
                search = FilmSearch(self._detector, self._detector.options.film, tell=tell)
                faces = search.search(item, is_stopped=lambda: self._is_stopped(batch.session_id))
                yield DetectionOutcome(item.file_id, faces=faces)
            except SearchStopped:
                return
            except Exception as error:  # The per-photo boundary: the batch goes on.
                yield to_failure(item, error)

    def _tell_place(self, batch: Batch, place: FilmPlace) -> None:
        phase = PhaseName.FACE_DETECTION
        self._searching(FilmReport(batch.session_id, phase, batch.attempt, batch.batch_id, place))

    def _until_ended(self, batch: Batch, items: Iterator[Item]) -> Iterator[Item]:
        def goes_on(_: Item) -> bool:
            return not (self._is_stopped(batch.session_id) or is_overloaded())

        return itertools.takewhile(goes_on, items)

    def _prepare_ahead(self, items: Iterator[Item]) -> Iterator[Prepared]:
        """Yield each item with its decoded photo, or with its outcome if decoding failed."""
        if self._decoders is None:
            yield from ((item, self._prepare(item)) for item in items)
            return
        waiting: deque[tuple[Item, Future[PreparedPhoto | DetectionOutcome]]] = deque()
        while True:
            for item in itertools.islice(items, self._ahead - len(waiting)):
                waiting.append((item, self._decoders.submit(self._prepare, item)))
            if not waiting:
                return
            item, photo = waiting.popleft()
            yield item, photo.result()

    def _prepare(self, item: Item) -> PreparedPhoto | DetectionOutcome:
        copy = self._copies.find(item.file_id) if self._copies is not None else None
        if copy is not None:
            return PreparedPhoto(item.path, None, copy)
        try:
            with self._times.timing("decode"):
                return check_unchanged(item, self._detector.prepare(item.path))
        except Exception as error:  # The per-photo boundary: the batch goes on.
            return to_failure(item, error)

    def _detect_some(self, some: Sequence[Prepared]) -> list[DetectionOutcome]:
        photos = [photo for _, photo in some if isinstance(photo, PreparedPhoto)]
        try:
            found = iter(self._detector.detect(photos) if photos else ())
        except Exception as error:  # The per-photo boundary: the batch goes on.
            if len(some) > 1:
                return [outcome for one in some for outcome in self._detect_some([one])]
            return [to_failure(some[0][0], error)]
        return [
            photo if isinstance(photo, DetectionOutcome) else to_outcome(item, photo, next(found))
            for item, photo in some
        ]

    def _measure(self, seconds: Mapping[str, float]) -> None:
        phase = PhaseName.FACE_DETECTION
        for step, spent in seconds.items():
            self._meter.record(BATCH_SECONDS, spent, phase=phase.value, step=step)

    def _reporter(self, batch: Batch) -> BatchReporter:
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
    batch: Batch,
    outcomes: Sequence[DetectionOutcome],
    *,
    engine: Engine,
    waited_s: Waited = no_wait,
) -> Settled:
    """Commit the outcomes of a batch in one transaction. Outcomes committed twice count once."""
    with begin(engine) as db:
        return settle_detection(
            db,
            batch.session_id,
            outcomes,
            pack=batch.pack,
            now=datetime.now(UTC),
            attempt=batch.attempt,
            workers=batch.workers,
            waited_s=waited_s,
        )


def _commit_patiently(
    batch: Batch,
    outcomes: Sequence[DetectionOutcome],
    *,
    engine: Engine,
    tell: Callable[[int, str | None], object],
) -> Settled:
    retry = RetryPolicy(on_wait=partial(tell, batch.session_id))
    return retry.run_timed(
        lambda waited_s: commit_detection(batch, outcomes, engine=engine, waited_s=waited_s)
    )


def warm_up_detector(detector: FaceDetector) -> None:
    """Search an empty picture once, so that no photo waits for the models' initialisation."""
    empty = np.zeros((480, 640, 3), dtype=np.uint8)
    detector.detect([PreparedPhoto("warm-up", None, OpenedImage(empty, 640, 480))])
    detector.times.take()


@ray.remote(max_restarts=0, max_concurrency=2)
class FaceDetectorActor(Detection):
    """`Detection` as a Ray actor; the pipeline starts a new one when it dies."""

    def __init__(
        self,
        pack: Pack,
        options: DetectorOptions,
        *,
        name: str,
        database_url: str,
        progress: ActorHandle,
        decode_threads: int,
        copies: DecodedCopies | None,
        report_interval_s: float,
    ) -> None:
        work_in_background()
        self._name = name
        log_to_stderr()
        detector, engine = load_detector(pack, options), build_engine(database_url, pool_size=2)
        warm_up_detector(detector)
        with suppress(DatabaseUnavailable):  # The batches wait for the database.
            check_database(engine)
        super().__init__(
            detector=detector,
            settle=partial(_commit_patiently, engine=engine, tell=progress.waiting.remote),
            send=progress.in_flight.remote,
            done=progress.settled.remote,
            decode_threads=decode_threads,
            copies=copies,
            meter=RayMeter(),
            report_interval_s=report_interval_s,
            is_stopped=lambda session_id: worker_cancellation(database_url, session_id).poll(),
            searching=progress.searching.remote,
        )
        self._progress = progress
        bind(__name__).info("detector ready", name=name, pack=pack.name, provider=self.describe())

    def probe_for(self, session_id: int, paths: Sequence[str]) -> None:
        """Time a few photos of a session, and report the result to the live view."""
        found = self.probe(paths)
        if found is not None:
            self._progress.probed.remote(session_id, found)

    def __repr__(self) -> str:
        """Return the name that Ray's dashboard, logs and errors show."""
        return self._name

"""The phases: each dispatches work until no item is pending.

Each function takes the plan, the worker pool, a snapshot of the phase, and a function that tells
whether to stop. It returns False if it was stopped, and raises PhaseFailed if it cannot continue.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import ray

from cluster.core.errors import RootUnreachable
from cluster.core.files.passed_over import PassedOver
from cluster.core.files.paths import is_url
from cluster.core.files.suffixes import is_film_name
from cluster.core.pictures.photos import (
    Batch,
    DetectionOutcome,
    FoundPhoto,
    Item,
    Settled,
    TrainingOutcome,
)
from cluster.core.progress import PhaseSnapshot
from cluster.core.reports import SettledReport
from cluster.core.sessions import PHOTO_PHASES, PhaseName
from cluster.pipeline.dispatcher import Dispatcher, Items, number_batches
from cluster.pipeline.file_settling import settle_library
from cluster.pipeline.pending import Discovery, PendingItems
from cluster.pipeline.plan import Plan, waits_for_database
from cluster.pipeline.workers import DetectorWorkers, TrainingWorkers, WorkerPool, count_cpus
from cluster.store.database.engine import begin
from cluster.store.items.census import note_passed_over
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending, skip_known
from cluster.store.items.training_batches import settle_training
from cluster.store.sessions.phase_rows import finish_discovery
from cluster.tasks.clustering import group_faces
from cluster.vision.relations.turning import turn_jpeg
from cluster.vision.sources.library_walk import check_root, walk_photos

CRASHED = "this photo crashed its worker repeatedly"
POLL_S = 0.2
IDLE_S = 0.02
CANCEL_LIMIT_S = 5.0

PROBED_CHUNKS, PROBED_AMONG, PROBED_PHOTOS = 2, 2000, 16
"""The number of photos that are searched before their turn, to estimate the time of face
detection."""

ShouldStop = Callable[[], bool]


def train_photos(
    plan: Plan, pool: WorkerPool, phase: PhaseSnapshot, should_stop: ShouldStop
) -> bool:
    """Discover, read and fingerprint every photo; True if all of them are finished."""
    work = PhotoWork(plan, PhaseName.TRAINING, phase.attempt)
    dispatcher = work.build_dispatcher(pool.training)
    if not phase.is_discovering:
        is_done = run_dispatcher(
            dispatcher, work.build_pending(plan.workers.training_batch), should_stop
        )
        return is_done and settle_library(plan, report=work.report)
    takes_films = plan.limits.takes_films
    check_root(plan.root, confined_to=plan.confined_to, takes_films=takes_films)
    discovery = _build_discovery(plan, phase.attempt, probe=pool.detectors.probe)
    pending = work.build_pending(plan.workers.training_batch, more_may_come=discovery.poll)
    discovery.start()
    try:
        is_done = run_dispatcher(dispatcher, pending, should_stop)
    finally:
        discovery.stop()
    discovery.check()
    return is_done and settle_library(plan, report=work.report)


def detect_faces(
    plan: Plan, pool: WorkerPool, phase: PhaseSnapshot, should_stop: ShouldStop
) -> bool:
    """Find the faces in every readable photo that is not a duplicate; True if all are finished."""
    work = PhotoWork(plan, PhaseName.FACE_DETECTION, phase.attempt)
    work.report(_skip_known(plan))
    pending = work.build_pending(plan.workers.detection_batch)
    is_done = run_dispatcher(work.build_dispatcher(pool.detectors), pending, should_stop)
    pool.detectors.stop()
    return is_done


@waits_for_database
def _skip_known(plan: Plan) -> Settled:
    with begin(plan.engine) as db:
        return skip_known(db, plan.session_id)


def cluster_people(
    plan: Plan, pool: WorkerPool, phase: PhaseSnapshot, should_stop: ShouldStop
) -> bool:
    """Group all faces of the pack into people, in one Ray task; True if it has finished."""
    named = group_faces.options(name=f"cluster[session={plan.session_id}]")
    task = named.remote(
        plan.session_id,
        phase.attempt,
        pack=plan.pack.name,
        options=plan.clustering,
        database_url=plan.database_url,
        progress=plan.progress,
    )
    while not ray.wait([task], timeout=POLL_S)[0]:
        if should_stop():
            # Its tiles are its child tasks and end with it. Nothing is committed afterwards.
            ray.cancel(task, force=True, recursive=True)
            ray.wait([task], timeout=CANCEL_LIMIT_S)
            return False
    ray.get(task)
    return True


@dataclass(frozen=True)
class PhotoWork:
    """The common part of training and face detection: how batches are made, settled and
    reported.
    """

    plan: Plan
    name: PhaseName
    attempt: int
    _numbers: Iterator[int] = field(default_factory=lambda: number_batches(time.time_ns()))

    def build_dispatcher(self, workers: TrainingWorkers | DetectorWorkers) -> Dispatcher:
        """Return a dispatcher of this phase's batches to these workers."""
        return Dispatcher(
            workers,
            make_batch=self.make_batch,
            requeue=self._requeue,
            abandon=self._abandon,
            photo_timeout_s=self.plan.limits.timeout_s,
            film_timeout_s=self.plan.limits.film.timeout_s,
        )

    def build_pending(
        self, batch_size: int, *, more_may_come: Callable[[], bool] = lambda: False
    ) -> PendingItems:
        """Return this phase's pending items, read page by page."""
        return PendingItems(
            self._list_pending,
            batch_size=batch_size,
            more_may_come=more_may_come,
            workers=count_cpus(),
        )

    def make_batch(self, items: Items) -> Batch:
        """Return the items as a batch with a new id."""
        plan, number = self.plan, next(self._numbers)
        return Batch(plan.session_id, self.attempt, number, plan.pack.name, tuple(items))

    def report(self, settled: Settled, *, batch_id: int | None = None) -> None:
        """Report to the live view the counts after a transaction of the driver."""
        report = SettledReport(self.plan.session_id, self.name, self.attempt, batch_id, settled)
        self.plan.progress.settled.remote(report)

    def _list_pending(self, after: int, limit: int) -> list[Item]:
        return _list_pending(self.plan, self.name, after=after, limit=limit)

    def _requeue(self, batch: Batch) -> None:
        self.plan.progress.returned.remote(self.plan.session_id, self.name, batch.batch_id)

    def _abandon(self, batch: Batch) -> None:
        settled = _settle_crashed(self.plan, self.name, batch.items, attempt=self.attempt)
        self.report(settled, batch_id=batch.batch_id)


@waits_for_database
def _list_pending(plan: Plan, name: PhaseName, *, after: int, limit: int) -> list[Item]:
    with begin(plan.engine) as db:
        return list_pending(db, plan.session_id, name, after=after, limit=limit)


@waits_for_database
def _settle_crashed(plan: Plan, name: PhaseName, items: Items, *, attempt: int) -> Settled:
    session_id, pack = plan.session_id, plan.pack.name
    with begin(plan.engine) as db:
        if name is PhaseName.TRAINING:
            unread = [TrainingOutcome(item.file_id, failure=CRASHED) for item in items]
            return settle_training(
                db, session_id, unread, pack=pack, turn=turn_jpeg, attempt=attempt
            )
        unseen = [DetectionOutcome(item.file_id, failure=CRASHED) for item in items]
        now = datetime.now(UTC)
        return settle_detection(db, session_id, unseen, pack=pack, now=now, attempt=attempt)


def run_dispatcher(dispatcher: Dispatcher, pending: PendingItems, should_stop: ShouldStop) -> bool:
    """Dispatch batches until no item is pending or in flight; False if stopped.

    After a stop, nothing more is dispatched, and the function waits for the batches in flight.
    """
    is_stopping = False
    while True:
        is_stopping = is_stopping or should_stop()
        if not is_stopping:
            _fill(dispatcher, pending)
        if not dispatcher.has_running:
            if is_stopping:
                return False
            if dispatcher.is_idle and pending.is_exhausted:
                return True
            time.sleep(IDLE_S)
        dispatcher.collect(timeout_s=POLL_S)


def _fill(dispatcher: Dispatcher, pending: PendingItems) -> None:
    dispatcher.dispatch_requeued()
    while dispatcher.has_room and not pending.is_exhausted:
        items = pending.next_items()
        if not items:
            break
        dispatcher.dispatch(items)


def _build_discovery(
    plan: Plan, attempt: int, *, probe: Callable[[Sequence[str]], object]
) -> Discovery:
    found, passed_over = _Found(plan, probe), PassedOver()
    # fsspec's drivers have their own time limits. They list a million objects before the first
    # one is returned.
    silence_s = math.inf if is_url(plan.root) else plan.limits.timeout_s
    return Discovery(
        lambda hear: walk_photos(
            plan.root,
            confined_to=plan.confined_to,
            on_entry=hear,
            passed_over=passed_over,
            takes_films=plan.limits.takes_films,
        ),
        store=partial(_store_found, plan, attempt, found),
        finish=partial(_finish_discovery, plan, passed_over, found),
        silence_s=silence_s,
        unreachable=RootUnreachable(plan.root, silence_s),
    )


@dataclass(slots=True)
class _Found:
    """Counts the films that discovery found, and probes a few photos of the first two chunks.

    The second chunk is larger, so its probe may have more photos.
    """

    plan: Plan
    probe: Callable[[Sequence[str]], object]
    chunks: int = 0
    films: int = 0

    def take(self, chunk: Sequence[FoundPhoto]) -> None:
        self.films += sum(is_film_name(photo.path) for photo in chunk)
        if self.chunks >= PROBED_CHUNKS:
            return
        self.chunks += 1
        items = _list_pending(self.plan, PhaseName.TRAINING, after=0, limit=PROBED_AMONG)
        photos = [item.path for item in items if not is_film_name(item.path)]
        if photos:
            step = max(1, len(photos) // PROBED_PHOTOS)
            self.probe(photos[::step][:PROBED_PHOTOS])


def _store_found(plan: Plan, attempt: int, found: _Found, chunk: Sequence[FoundPhoto]) -> None:
    for name, settled in zip(PHOTO_PHASES, _add_found(plan, chunk), strict=True):
        report = SettledReport(plan.session_id, name, attempt, None, settled)
        plan.progress.settled.remote(report)
    found.take(chunk)


@waits_for_database
def _add_found(plan: Plan, chunk: Sequence[FoundPhoto]) -> tuple[Settled, ...]:
    with begin(plan.engine) as db:
        return add_found(db, plan.session_id, chunk, pack=plan.pack.name)


@waits_for_database
def _finish_discovery(plan: Plan, passed_over: PassedOver, found: _Found) -> None:
    counts, unlisted = passed_over.to_json(), passed_over.unlisted
    with begin(plan.engine) as db:
        note_passed_over(db, plan.session_id, counts, unlisted, films=found.films)
        finish_discovery(db, plan.session_id)
    ray.get(plan.progress.reload.remote(plan.session_id))

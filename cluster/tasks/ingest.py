"""Training: read each photo of a batch once, fingerprint it, and commit the batch.

`train_batch` is the logic without Ray; `ingest` is the Ray task that runs it with real photos and
the real database. A photo that cannot be read becomes a failed item with its reason; its error
never fails the batch.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import ray
from ray.actor import ActorHandle

from cluster.core.defaults import PHOTO_TIMEOUT_S
from cluster.core.errors import DatabaseUnavailable, UnreachableImage, UnreadableImage
from cluster.core.files.suffixes import is_photo_name
from cluster.core.metrics import BATCH_SECONDS, Meter
from cluster.core.pictures.films import FilmLimits
from cluster.core.pictures.photos import Batch, Item, PhotoRecord, Settled, TrainingOutcome
from cluster.core.pictures.placements import Relation, turn_within
from cluster.core.reports import MIN_INTERVAL_S, BatchReporter, SettledReport, Throttle
from cluster.core.sessions import PhaseName
from cluster.core.steps import StepTimes
from cluster.priority import work_in_background
from cluster.ray_internals import MOST_CALLS, leave_after_this_task
from cluster.ray_meter import RayMeter
from cluster.store.database.engine import begin, worker_engine
from cluster.store.database.retries import RetryPolicy, Waited
from cluster.store.items.training_batches import settle_training
from cluster.store.photos.file_history import Before, has_history, is_known, list_before
from cluster.store.sessions.cancellation import worker_cancellation
from cluster.store.sessions.counts import no_wait
from cluster.vision.photos.decoded_cache import DecodedCopies
from cluster.vision.photos.images import OpenedImage
from cluster.vision.relations.fingerprints import make_record_and_image
from cluster.vision.relations.relate import relate
from cluster.vision.relations.turning import turn_jpeg
from cluster.vision.sources.deadlines import is_overloaded, within
from cluster.vision.sources.file_kinds import find_film_format
from cluster.vision.sources.film_files import digest_film, has_film
from cluster.vision.sources.headers import HEAD_BYTES
from cluster.vision.sources.photo_bytes import read_photo


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The largest photo that is read: bytes of its file, pixels that its header claims, seconds.

    A film may have any number of bytes, each frame as many pixels as a photo. With `takes_films`
    false, a file that turns out to be a film fails.
    """

    max_bytes: int
    max_pixels: int
    timeout_s: float = PHOTO_TIMEOUT_S
    film: FilmLimits = field(default_factory=FilmLimits)
    takes_films: bool = True


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of a batch: the phase's counts, and the bytes of the decoded copies.

    Another process must read the photos in `left`, because this process still decodes a photo that
    was left behind.
    """

    settled: Settled
    kept_bytes: int = 0
    left: tuple[Item, ...] = ()


def train_batch(
    batch: Batch,
    *,
    read: Callable[[Item], TrainingOutcome],
    settle: Callable[[Sequence[TrainingOutcome]], Settled],
    reporter: BatchReporter,
    meter: Meter,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Trained:
    """Read every photo, commit the outcomes in one transaction, and return the phase's new counts.

    If the session `is_stopped`, the remaining photos stay pending. If a photo was left behind and
    is still being decoded, the photos after it are returned in `left`.
    """
    times = StepTimes(time.perf_counter)
    outcomes = []
    with times.timing("decode"):
        for item in itertools.takewhile(
            lambda _: not (is_stopped() or is_overloaded()), batch.items
        ):
            outcomes.append(read_item(item, read=read))
            reporter.photo_done()
        left = () if is_stopped() else batch.items[len(outcomes) :]
    with times.timing("commit"):
        settled = settle(outcomes)
    for step, seconds in times.take().items():
        meter.record(BATCH_SECONDS, seconds, phase=PhaseName.TRAINING.value, step=step)
    return Trained(settled, left=left)


def read_item(item: Item, *, read: Callable[[Item], TrainingOutcome]) -> TrainingOutcome:
    """Return the outcome of reading a file: a record, or the reason of the failure."""
    try:
        return read(item)
    except UnreachableImage as error:
        return TrainingOutcome(item.file_id, failure=error.reason)
    except UnreadableImage as error:
        return TrainingOutcome(item.file_id, failure=error.reason, is_lasting=True)
    except DatabaseUnavailable:
        raise
    except Exception as error:  # The per-photo boundary: the batch goes on.
        return TrainingOutcome(item.file_id, failure=f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class Memory:
    """The data about a batch in the database: `before` are the photos that its files held.

    `is_known` tells whether a SHA-256 belongs to a photo that needs no decoding.
    """

    before: Mapping[int, Before]
    is_known: Callable[[bytes], bool]


class PhotoReader:
    """Reads files, and keeps decoded copies for face detection if `copies` is given.

    A file with the bytes of a known photo is not decoded.
    """

    def __init__(
        self, limits: ReadLimits, copies: DecodedCopies | None, memory: Memory | None = None
    ) -> None:
        self._limits, self._copies = limits, copies
        self._memory = memory or Memory({}, lambda digest: False)
        self.kept_bytes = 0

    def read(self, item: Item) -> TrainingOutcome:
        """Return the outcome for a file. Raises UnreachableImage or UnreadableImage."""
        limits, path = self._limits, item.path
        may_be_film = limits.takes_films and not is_photo_name(path)
        if may_be_film and within(limits.timeout_s, path, partial(has_film, path)):
            return self._read_film(item)
        data = within(limits.timeout_s, path, partial(read_photo, path, max_bytes=limits.max_bytes))
        if limits.takes_films and find_film_format(data[:HEAD_BYTES]) is not None:
            return self._read_film(item)
        digest = hashlib.sha256(data).digest()
        if self._memory.is_known(digest):
            return TrainingOutcome(item.file_id, known=digest, read_bytes=len(data))
        work = partial(make_record_and_image, data, path=path, max_pixels=limits.max_pixels)
        record, image = within(limits.timeout_s, path, work)
        if self._copies is not None:
            self.kept_bytes += self._copies.keep(item.file_id, image)
        before = None if item.image_id is None else self._memory.before.get(item.image_id)
        if before is None or before.duration_s is not None:
            return TrainingOutcome(item.file_id, record, read_bytes=len(data))
        relation = within(limits.timeout_s, path, partial(find_relation, before, record, image))
        return TrainingOutcome(
            item.file_id,
            record,
            relation=relation,
            before=before.image_id,
            read_bytes=len(data),
        )

    def _read_film(self, item: Item) -> TrainingOutcome:
        # Imported here, because FFmpeg is slow to load, and many libraries have no films.
        from cluster.vision.relations.film_records import read_film_record  # noqa: PLC0415

        limits, path = self._limits, item.path
        digest = within(limits.film.timeout_s, path, partial(digest_film, path))
        if self._memory.is_known(digest):
            return TrainingOutcome(item.file_id, known=digest)
        work = partial(read_film_record, path, sha256=digest, max_pixels=limits.max_pixels)
        return TrainingOutcome(item.file_id, within(limits.film.timeout_s, path, work))


def find_relation(before: Before, record: PhotoRecord, image: OpenedImage) -> Relation:
    """Return the relation of a file's new content to the photo that the file held before."""
    if before.content and before.content == record.content:
        old = before.picture
        return turn_within(before.orientation, record.orientation, old.width, old.height)
    return relate(before.picture, image)


def remember(batch: Batch, *, database_url: str, retry: RetryPolicy) -> Memory:
    """Return the data about the files of a batch in the database; empty in the first session."""
    engine = worker_engine(database_url)
    held = sorted({item.image_id for item in batch.items if item.image_id is not None})

    def look() -> tuple[bool, Mapping[int, Before]]:
        with begin(engine) as db:
            return has_history(db, pack=batch.pack), list_before(db, held)

    def ask(digest: bytes) -> bool:
        with begin(engine) as db:
            return is_known(db, digest, pack=batch.pack)

    knows, before = retry.run(look)
    return Memory(before, lambda digest: knows and retry.run(partial(ask, digest)))


@ray.remote(max_retries=0, max_calls=MOST_CALLS)
def ingest(
    batch: Batch,
    database_url: str,
    limits: ReadLimits,
    progress: ActorHandle,
    copies: DecodedCopies | None,
    report_interval_s: float = MIN_INTERVAL_S,
) -> Trained:
    """Train one batch, and report each photo to `progress`.

    Ray does not retry this task. The dispatcher does, because it knows which photos a lost worker
    held. If the process still decodes a photo that was left behind, it ends with this task.
    """
    work_in_background()
    retry = RetryPolicy(on_wait=partial(progress.waiting.remote, batch.session_id))
    memory = remember(batch, database_url=database_url, retry=retry)
    reader = PhotoReader(limits, copies, memory)
    trained = train_batch(
        batch,
        read=reader.read,
        settle=lambda outcomes: retry.run_timed(
            lambda waited_s: commit_training(
                batch, outcomes, database_url=database_url, waited_s=waited_s
            )
        ),
        reporter=BatchReporter(
            batch.session_id,
            PhaseName.TRAINING,
            batch.attempt,
            batch.batch_id,
            send=progress.in_flight.remote,
            clock=time.monotonic,
            throttle=Throttle(report_interval_s),
        ),
        meter=RayMeter(),
        is_stopped=worker_cancellation(database_url, batch.session_id).poll,
    )
    report = SettledReport(
        batch.session_id, PhaseName.TRAINING, batch.attempt, batch.batch_id, trained.settled
    )
    progress.settled.remote(report)
    if is_overloaded():
        leave_after_this_task()
    return replace(trained, kept_bytes=reader.kept_bytes)


def commit_training(
    batch: Batch,
    outcomes: Sequence[TrainingOutcome],
    *,
    database_url: str,
    waited_s: Waited = no_wait,
) -> Settled:
    """Commit the outcomes of a batch in one transaction. Outcomes committed twice count once."""
    with begin(worker_engine(database_url)) as db:
        return settle_training(
            db,
            batch.session_id,
            outcomes,
            pack=batch.pack,
            turn=turn_jpeg,
            attempt=batch.attempt,
            workers=batch.workers,
            waited_s=waited_s,
        )

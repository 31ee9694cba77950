"""The dispatcher: dispatches batches to Ray workers, a bounded number at a time.

Each photo is finished exactly once. The photos of a lost worker are requeued one at a time, because
one of them may have crashed it. A photo is abandoned, with a reason, if it loses three workers
while it is the only suspect. So one file cannot stop a session, and a machine that is switched off
does not fail a good photo. A worker that must be replaced returns the rest of its batch, which is
dispatched again as one batch and without suspicion.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    TaskCancelledError,
    WorkerCrashedError,
)

from cluster.core.defaults import FILM_TIMEOUT_S, PHOTO_TIMEOUT_S
from cluster.core.errors import PhaseFailed
from cluster.core.pictures.films import is_film_item
from cluster.core.pictures.photos import Batch, Item
from cluster.logs import bind

logger = bind(__name__)

WORKER_LOST = (
    WorkerCrashedError,
    RayActorError,
    NodeDiedError,
    OutOfMemoryError,
    ObjectLostError,
    TaskCancelledError,
)
"""Ray's errors for a worker that was lost, as opposed to an error that our code raised in it."""

MAX_CRASHES_IN_A_ROW = 20
STALL_GRACE_S = 60.0
MAX_CRASHES_ALONE = 3

Items = Sequence[Item]


class Answer(Protocol):
    """The result of a batch."""

    @property
    def left(self) -> tuple[Item, ...]:
        """Photos of the batch that another worker must process."""
        ...


class Workers(Protocol):
    """The workers that process batches: Ray tasks, or a pool of actors."""

    def capacity(self) -> int:
        """Return how many batches may be in flight now."""
        ...

    def start(self, batch: Batch) -> ray.ObjectRef:
        """Start a batch on a worker."""
        ...

    def finished(self, reference: ray.ObjectRef, answer: Any) -> None:
        """Record a finished batch and its result, None if its worker was lost."""
        ...

    def end(self, reference: ray.ObjectRef) -> None:
        """Kill the worker that holds a batch."""
        ...


class Dispatcher:
    """Keeps workers busy with batches until each batch is finished.

    `make_batch` makes items a batch with a new id. `requeue` tells the live view that a batch is no
    longer in flight. `abandon` settles items that no worker survives as failed. A batch may take
    `photo_timeout_s` for each photo and `film_timeout_s` for each film. If no batch has finished
    for longer than the largest batch in flight may take, the worker of the oldest batch is assumed
    to hang, and is killed.
    """

    def __init__(
        self,
        workers: Workers,
        *,
        make_batch: Callable[[Items], Batch],
        requeue: Callable[[Batch], object],
        abandon: Callable[[Batch], None],
        photo_timeout_s: float = PHOTO_TIMEOUT_S,
        film_timeout_s: float = FILM_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers, self._make_batch = workers, make_batch
        self._requeue, self._abandon = requeue, abandon
        self._running: dict[ray.ObjectRef, Batch] = {}
        self._returned: deque[Batch] = deque()
        self._left: deque[Items] = deque()
        self._suspect: ray.ObjectRef | None = None
        self._crashes: Counter[int] = Counter()
        self._crashes_in_a_row = 0
        self._photo_timeout_s, self._film_timeout_s = photo_timeout_s, film_timeout_s
        self._clock = clock
        self._moved_at = clock()

    @property
    def is_idle(self) -> bool:
        """True if no batch is in flight or requeued."""
        return not (self._running or self._returned or self._left)

    @property
    def has_running(self) -> bool:
        """True if a batch is in flight."""
        return bool(self._running)

    @property
    def has_room(self) -> bool:
        """True if another batch may be dispatched."""
        return len(self._running) < self._workers.capacity()

    def dispatch(self, items: Items) -> None:
        """Dispatch new items to a worker as one batch."""
        self._start(self._make_batch(items))

    def dispatch_requeued(self) -> None:
        """Dispatch returned photos, and the next photo of a lost worker, while there is room."""
        while self._left and self.has_room:
            self.dispatch(self._left.popleft())
        if self._returned and self._suspect is None and self.has_room:
            self._suspect = self._start(self._returned.popleft())

    def collect(self, *, timeout_s: float) -> None:
        """Wait up to `timeout_s` for finished batches; kill a worker that hangs."""
        if not self._running:
            return
        waiting = list(self._running)
        done, _ = ray.wait(waiting, num_returns=1, timeout=timeout_s, fetch_local=False)
        for reference in done:
            self._take_in(reference)
        if not done and self._clock() - self._moved_at > self._longest_s():
            self._workers.end(next(iter(self._running)))
            self._moved_at = self._clock()

    def _longest_s(self) -> float:
        return max(map(self._batch_s, self._running.values())) + STALL_GRACE_S

    def _batch_s(self, batch: Batch) -> float:
        films = sum(is_film_item(item) for item in batch.items)
        photos = len(batch.items) - films
        # Training first digests a film and then opens it, each within its time limit.
        return photos * self._photo_timeout_s + 2 * films * self._film_timeout_s

    def _start(self, batch: Batch) -> ray.ObjectRef:
        if not self._running:
            self._moved_at = self._clock()
        reference = self._workers.start(batch)
        self._running[reference] = batch
        return reference

    def _take_in(self, reference: ray.ObjectRef) -> None:
        batch = self._running.pop(reference)
        self._moved_at = self._clock()
        was_suspect = reference == self._suspect
        if was_suspect:
            self._suspect = None
        try:
            answer = ray.get(reference)
        except WORKER_LOST as error:
            self._workers.finished(reference, None)
            self._requeue_lost(batch, error, was_suspect=was_suspect)
        else:
            self._workers.finished(reference, answer)
            self._crashes_in_a_row = 0
            self._take_left(answer, was_suspect=was_suspect)

    def _take_left(self, answer: Answer, *, was_suspect: bool) -> None:
        if answer.left and was_suspect:
            self._returned.appendleft(self._make_batch(answer.left))
        elif answer.left:
            self._left.append(answer.left)

    def _requeue_lost(self, batch: Batch, error: Exception, *, was_suspect: bool) -> None:
        self._crashes_in_a_row += 1
        if self._crashes_in_a_row > MAX_CRASHES_IN_A_ROW:
            raise PhaseFailed(f"Workers keep dying; the last error was: {error}") from error
        logger.warning(
            "batch requeued", session=batch.session_id, batch=batch.batch_id, error=str(error)
        )
        self._requeue(batch)
        alone = [self._make_batch([item]) for item in batch.items]
        if was_suspect:
            file_id = batch.items[0].file_id
            self._crashes[file_id] += 1
            if self._crashes[file_id] >= MAX_CRASHES_ALONE:
                self._abandon(alone[0])
                return
        self._returned.extend(alone)


def number_batches(start: int) -> Iterator[int]:
    """Yield batch ids from `start` on. A time in ns makes them unique among the session's runs."""
    return itertools.count(start)

"""The pending items of a phase, in the order of discovery.

`Discovery` walks the library in a thread of its own and writes items to the database, so that the
total is soon known. `PendingItems` reads them page by page. Neither holds the library in memory.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from cluster.core.pictures.films import is_film_item
from cluster.core.pictures.photos import FoundPhoto, Item
from cluster.core.time_left.eta import RateWindow

FIRST_CHUNK, CHUNK, CHUNK_S = 64, 2000, 2.0
"""Photos that are stored in one transaction. If finding them takes longer than CHUNK_S, fewer are
stored, so that reading and the estimate of the time left begin while a slow disk is still
listed."""

PAGE = 1000
SMALLEST_BATCH = 4

MAX_BATCHES_PER_S = 50
"""Above this rate, batches become larger, because the bookkeeping of a batch costs the driver, the
live view and the database as much for 16 photos as for 256."""

LARGEST_BATCH = 256
RATE_WINDOW_S = 5.0
STOP_TIMEOUT_S = 10.0


class Discovery:
    """Walks a library in a thread and stores what it finds, chunk by chunk.

    `walk` yields photos and calls its argument for each entry that it meets. `store` adds a chunk
    of photos to the session; `finish` is called once after the last chunk. An error in any of them
    ends the walk, and `check` raises it. If the walk meets nothing for `silence_s`, for example
    because a dead mount blocks it, `poll` raises `unreachable`.
    """

    def __init__(
        self,
        walk: Callable[[Callable[[], None]], Iterable[FoundPhoto]],
        *,
        store: Callable[[Sequence[FoundPhoto]], None],
        finish: Callable[[], None],
        silence_s: float,
        unreachable: Exception,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._found, self._store, self._finish = walk(self._hear), store, finish
        self._silence_s, self._unreachable, self._clock = silence_s, unreachable, clock
        self._heard_at: float | None = None
        self._error: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._walk, name="discovery", daemon=True)

    def start(self) -> None:
        """Start the thread that walks the library."""
        self._thread.start()

    def stop(self) -> None:
        """End the walk after the current chunk; discovery stays incomplete.

        Returns after STOP_TIMEOUT_S even if the walk hangs in a dead mount.
        """
        self._stopping.set()
        self.join(timeout_s=STOP_TIMEOUT_S)

    def join(self, *, timeout_s: float | None = None) -> None:
        """Wait until the walk has ended."""
        self._thread.join(timeout_s)

    def poll(self) -> bool:
        """Tell whether more photos may be found. Raises `unreachable` when the walk hangs."""
        heard_at = self._heard_at
        if heard_at is not None and self._clock() - heard_at > self._silence_s:
            self._stopping.set()
            raise self._unreachable
        return self._thread.is_alive()

    def check(self) -> None:
        """Raise the error that ended the walk, if there was one."""
        if self._error is not None:
            raise self._error

    def _walk(self) -> None:
        try:
            found = iter(self._found)
            size = FIRST_CHUNK
            while chunk := self._list_next(found, size):
                self._store(chunk)
                size = CHUNK
                if self._stopping.is_set():
                    return
            self._finish()
        except Exception as error:  # `check` raises it in the thread of the pipeline.
            self._error = error

    def _list_next(self, found: Iterator[FoundPhoto], size: int) -> list[FoundPhoto]:
        """Return the next photos. Only this call counts as silence, not the storing of a chunk."""
        self._hear()
        begun_at = self._clock()
        chunk: list[FoundPhoto] = []
        try:
            for photo in itertools.islice(found, size):
                chunk.append(photo)
                if self._clock() - begun_at >= CHUNK_S:
                    break
            return chunk
        finally:
            self._heard_at = None

    def _hear(self) -> None:
        self._heard_at = self._clock()


class PendingItems:
    """Pending items, read page by page and returned `batch_size` at a time.

    `list_pending(after, limit)` returns items by position; `more_may_come` tells whether discovery
    still runs. If photos are finished fast, batches grow, so that there are at most
    MAX_BATCHES_PER_S. The last batches are smaller, so that all `workers` end at about the same
    time. Each film is a batch of its own.
    """

    def __init__(
        self,
        list_pending: Callable[[int, int], list[Item]],
        *,
        batch_size: int,
        more_may_come: Callable[[], bool],
        workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._list_pending, self._batch_size = list_pending, batch_size
        self._more_may_come, self._workers = more_may_come, workers
        self._clock, self._rate, self._given = clock, RateWindow(RATE_WINDOW_S), 0
        self._is_last_page = False
        self._page: deque[Item] = deque()
        self._position = 0
        self.is_exhausted = False

    def next_items(self) -> list[Item]:
        """Return up to a batch of items; [] if none is pending now or `is_exhausted`."""
        if not self._page:
            self._turn_page()
        count = min(self._choose_size(), len(self._page))
        if self._is_last_page:
            share = len(self._page) // (2 * self._workers)
            count = min(count, max(share, SMALLEST_BATCH))
        films = (
            n for n, item in enumerate(itertools.islice(self._page, count)) if is_film_item(item)
        )
        count = min(count, max(1, next(films, count)))
        self._given += count
        return [self._page.popleft() for _ in range(count)]

    def _choose_size(self) -> int:
        now = self._clock()
        self._rate.add_sample(now=now, count=self._given)
        rate_per_s = self._rate.rate_per_s(now=now) or 0.0
        return max(self._batch_size, min(LARGEST_BATCH, int(rate_per_s / MAX_BATCHES_PER_S)))

    def _turn_page(self) -> None:
        more_may_come = self._more_may_come()
        items = self._list_pending(self._position, PAGE)
        self._page.extend(items)
        self._is_last_page = not more_may_come and len(items) < PAGE
        if items:
            self._position = items[-1].position
        elif not more_may_come:
            self.is_exhausted = True

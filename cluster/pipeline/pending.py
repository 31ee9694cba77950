"""The items that are still to be done, in the order in which they were found.

Discovery writes items into the database in a thread of its own, as fast as it can walk, so that the
total is soon known; PendingItems reads them from there page by page. Neither holds the library in
memory.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from cluster.core.eta import RateWindow
from cluster.core.photos import FoundPhoto, Item

FIRST_CHUNK, CHUNK = 64, 2000
PAGE = 1000
SMALLEST_BATCH = 4

MAX_BATCHES_PER_S = 50
"""Beyond this many a second, batches become larger instead: what is written down for a batch costs
the driver, the live view and the database the same for 16 photos as for 256."""

LARGEST_BATCH = 256
RATE_WINDOW_S = 5.0
STOP_TIMEOUT_S = 10.0


class Discovery:
    """Walks a library in a thread and stores what it finds, chunk by chunk.

    `walk` yields photos and calls what it is given for everything that it meets. `store` takes a
    chunk of photos into the session; `finish` is called once after the last one. An error of any of
    them ends the walk and is raised again by `check`. So is `unreachable`, when the walk meets
    nothing for `silence_s`: a mount that died blocks whoever lists it.
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
        """Begin to walk."""
        self._thread.start()

    def stop(self) -> None:
        """End the walk after the chunk at hand; the session stays undiscovered.

        A walk that hangs in a mount that died is not waited for.
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
        """Raise what ended the walk, if it was an error."""
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
        except Exception as error:  # Carried to the pipeline's own thread, which raises it.
            self._error = error

    def _list_next(self, found: Iterator[FoundPhoto], size: int) -> list[FoundPhoto]:
        """Return the next photos; only meanwhile is silence a sign of a storage that hangs."""
        self._hear()
        try:
            return list(itertools.islice(found, size))
        finally:
            self._heard_at = None

    def _hear(self) -> None:
        self._heard_at = self._clock()


class PendingItems:
    """Pending items, page by page, `batch_size` at a time.

    `list_pending(after, limit)` returns items by position; `more_may_come` tells whether discovery
    still runs. Where photos are done fast, batches are larger, so that at most MAX_BATCHES_PER_S
    are handed out. The last items are handed out in smaller ones, so that `workers` end together.
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
        """Return up to a batch of items; none when there are none now, or none any more."""
        if not self._page:
            self._turn_page()
        count = min(self._choose_size(), len(self._page))
        if self._is_last_page:
            share = len(self._page) // (2 * self._workers)
            count = min(count, max(share, SMALLEST_BATCH))
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

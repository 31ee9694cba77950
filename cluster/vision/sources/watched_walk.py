"""A walk through a library that its caller can leave at any time, even if a mount is dead.

The walk runs in a thread of its own, because listing a dead mount blocks. The photos are passed to
the caller's thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from cluster.core.pictures.photos import FoundPhoto

POLL_S = 0.1
CHUNK, CHUNK_S = 512, 0.1
MOST_CHUNKS = 16
"""The most chunks that are queued for the caller, so that memory does not grow with the library."""

Walk = Callable[[Callable[[], None]], Iterable[FoundPhoto]]


class _Stopped(Exception):
    """The caller has left the walk."""


class WatchedWalk:
    """The photos of one walk, to be iterated once.

    `walk` returns the photos and calls its argument for each entry that it meets. The iteration
    raises the errors of the walk, and `unreachable` after `silence_s` without an entry. It ends
    after `limit_s`, or after about `most` photos; `is_complete` then stays false.
    """

    def __init__(
        self,
        walk: Walk,
        *,
        silence_s: float,
        unreachable: Exception,
        limit_s: float | None = None,
        most: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._found, self._clock = walk(self._hear), clock
        self._silence_s, self._unreachable = silence_s, unreachable
        self._ends_at = None if limit_s is None else clock() + limit_s
        self._heard_at = clock()
        self._most, self._met = most, 0
        self._chunks: queue.Queue[list[FoundPhoto] | None] = queue.Queue(MOST_CHUNKS)
        self._stopping = threading.Event()
        self._error: Exception | None = None
        self.is_complete = False

    def __iter__(self) -> Iterator[FoundPhoto]:
        self._heard_at = self._clock()
        threading.Thread(target=self._run, name="watched-walk", daemon=True).start()
        try:
            while not self._is_over():
                chunk = self._next_chunk()
                if chunk is None:
                    self.is_complete = True
                    return
                self._met += len(chunk)
                yield from chunk
        finally:
            self._stopping.set()

    def _is_over(self) -> bool:
        is_late = self._ends_at is not None and self._clock() >= self._ends_at
        return is_late or (self._most is not None and self._met >= self._most)

    def _next_chunk(self) -> list[FoundPhoto] | None:
        """Return the next photos: [] if there are none yet, None after the last."""
        try:
            chunk = self._chunks.get(timeout=POLL_S)
        except queue.Empty:
            if self._clock() - self._heard_at > self._silence_s:
                raise self._unreachable from None
            return []
        if chunk is None and self._error is not None:
            raise self._error
        return chunk

    def _run(self) -> None:
        try:
            self._walk()
        except _Stopped:
            return
        except Exception as error:  # The caller's thread raises it.
            self._error = error
        self._hand_over(None)

    def _walk(self) -> None:
        chunk: list[FoundPhoto] = []
        handed_at = self._clock()
        for photo in self._found:
            chunk.append(photo)
            if len(chunk) >= CHUNK or self._clock() - handed_at > CHUNK_S:
                self._hand_over(chunk)
                chunk, handed_at = [], self._clock()
        self._hand_over(chunk)

    def _hand_over(self, chunk: list[FoundPhoto] | None) -> None:
        while not self._stopping.is_set():
            try:
                return self._chunks.put(chunk, timeout=POLL_S)
            except queue.Full:
                continue

    def _hear(self) -> None:
        if self._stopping.is_set():
            raise _Stopped
        self._heard_at = self._clock()

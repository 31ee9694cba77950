"""Streams parts of a film's file to a client, as RFC 9110 describes ranges.

Films have their own reader threads, so a disk that does not answer blocks only films. A response to
a range has at most MOST_BYTES; a player requests the next part when it needs it.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, TypeVar

from cluster.core.errors import UnreachableImage
from cluster.store.photos.stored_pictures import PictureSource
from cluster.vision.sources.deadlines import say_time_over
from cluster.vision.sources.film_files import open_known_film
from cluster.vision.sources.photo_bytes import say_unreachable
from serve.etags import MOST_DIGITS
from serve.problems import RangeNotSatisfiable

Result = TypeVar("Result")

CHUNK_BYTES = 256 * 1024
MOST_BYTES = 8 * 1024 * 1024
READ_TIMEOUT_S = 30.0

_RANGE = re.compile(rf"bytes=([0-9]{{0,{MOST_DIGITS}}})-([0-9]{{0,{MOST_DIGITS}}})")
READERS = 8


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes `first` to `last`, both included, of a file of `size` bytes."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        """The number of bytes."""
        return self.last + 1 - self.first

    @property
    def content_range(self) -> str:
        """The value of the header Content-Range."""
        return f"bytes {self.first}-{self.last}/{self.size}"


def choose_part(wanted: str | None, *, size: int) -> Part | None:
    """Return the part that a Range header requests, cut to MOST_BYTES; None for the whole file.

    Multiple ranges and malformed headers are ignored, as RFC 9110 allows. Raises
    RangeNotSatisfiable if the range is outside the file.
    """
    found = _RANGE.fullmatch((wanted or "").strip())
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), min(size - 1, int(found[2] or size))
        if found[2] and int(found[2]) < first:
            return None
    if first > last:
        raise RangeNotSatisfiable(size)
    return Part(first, min(last, first + MOST_BYTES - 1), size)


@dataclass(slots=True)
class FilmStream:
    """An open film; `media_type` and `size` (bytes) are those of its file.

    The caller must close it: `read` does so at its end, `close` without reading.
    """

    source: PictureSource
    media_type: str = ""
    size: int = 0
    _file: BinaryIO | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    async def open(self) -> None:
        """Open the file. Raises UnreachableImage if it has changed since it was indexed."""
        await self._do(self._open)

    def _open(self) -> None:
        source = self.source
        known = open_known_film(source.path, size=source.size, modified_ns=source.modified_ns)
        film = self._stack.enter_context(known)
        self._file, self.media_type, self.size = film.file, film.media_type, film.size

    async def read(self, part: Part) -> AsyncIterator[bytes]:
        """Yield the bytes of a part, and close the file."""
        try:
            assert self._file is not None
            await self._do(partial(self._file.seek, part.first))
            left = part.length
            while left:
                chunk = await self._do(partial(self._file.read, min(CHUNK_BYTES, left)))
                if not chunk:
                    raise UnreachableImage(self.source.path, "the file has become shorter")
                left -= len(chunk)
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        """Close the file in a reader thread, because a dead disk may block that too."""
        _readers().submit(self._stack.close)

    async def _do(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a reader thread. Raises UnreachableImage on OSError or READ_TIMEOUT_S."""
        waiting = asyncio.get_running_loop().run_in_executor(_readers(), work)
        try:
            return await asyncio.wait_for(waiting, READ_TIMEOUT_S)
        except TimeoutError:
            raise UnreachableImage(self.source.path, say_time_over(READ_TIMEOUT_S)) from None
        except OSError as error:
            raise UnreachableImage(self.source.path, say_unreachable(error)) from error


@functools.cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(READERS, thread_name_prefix="film")

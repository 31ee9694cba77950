"""Walks the boxes of an ISO media file, JPEG 2000 or JPEG XL (ISO/IEC 14496-12, 15444-1)."""

from __future__ import annotations

from collections.abc import Iterator

MOST_BOXES = 10_000
"""The most boxes that are read at one level. A gibibyte could hold 134 million empty ones."""


def walk_boxes(
    data: bytes, *, start: int = 0, end: int | None = None
) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the kind and the content of the boxes from `start` to `end`, until one is malformed.

    The last box may be truncated; its content is then the part that exists.
    """
    view, at, last = memoryview(data), start, len(data) if end is None else min(end, len(data))
    for _ in range(MOST_BOXES):
        if at + 8 > last:
            return
        size, kind, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        size = size or last - at
        if size < head:
            return
        yield kind, view[at + head : min(at + size, last)]
        at += size

"""Reads the boxes of an ISO media file: whether it holds a picture, and how AVIF crops it.

ISO/IEC 14496-12 (boxes) and 23008-12 (pictures: `meta`, `pitm`, `iprp`). Pictures and films share
this container, and the brands do not always tell which one a file is.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_MOST_BOXES = 4096
_CODED_ITEM = re.compile(rb"infe.{8,10}(av01|hvc1|hev1|avc1|j2k1|jpeg)", re.S)
"""An entry of `iinf`: version and flags, number, protection, then the type."""

_BIG, _TO_THE_END = 1, 0


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its kind, and the offsets of its content; `end` may be beyond the file."""

    kind: bytes
    start: int
    end: int


def walk_boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes between two offsets, up to the first malformed one."""
    at, last = start, len(data) if end is None else min(end, len(data))
    for _ in range(_MOST_BOXES):
        if at + 8 > last:
            return
        size, head = int.from_bytes(data[at : at + 4]), 8
        kind = data[at + 4 : at + 8]
        if size == _BIG:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        elif size == _TO_THE_END:
            size = last - at
        if size < head:
            return
        yield Box(kind, at + head, at + size)
        at += size


def find_box(data: bytes, *kinds: bytes) -> Box | None:
    """Return the first box on this path from the top of the file, None if there is none.

    In `meta` and `iref`, a version and flags precede the boxes.
    """
    start, end, found = 0, len(data), None
    for kind in kinds:
        found = next((box for box in walk_boxes(data, start, end) if box.kind == kind), None)
        if found is None:
            return None
        start, end = found.start + 4 * (kind == b"meta"), found.end
    return found


def is_picture(head: bytes) -> bool:
    """Tell from the beginning of a file whether it holds a picture, by its handler."""
    handler = find_box(head, b"meta", b"hdlr")
    return handler is not None and head[handler.start + 8 : handler.start + 12] == b"pict"


def find_code(head: bytes) -> bytes:
    """Return the type of the first coded picture, such as hvc1 or av01; b"" if there is none."""
    items = find_box(head, b"meta", b"iinf")
    if items is None:
        return b""
    found = _CODED_ITEM.search(head, items.start, items.end)
    return found.group(1) if found else b""


def has_film(data: bytes) -> bool:
    """Tell whether the file has tracks: a film, or a sequence of pictures."""
    return find_box(data, b"moov") is not None


def find_crop(data: bytes, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of the clean aperture (`clap`) of the primary picture.

    `size` is its stored width and height. None if there is no aperture, or if it is the whole
    picture or not within it.
    """
    places = [box.start for box in list_primary(data, b"clap") if box.start + 32 <= len(data)]
    if not places:
        return None
    values = struct.unpack_from(">IIIIiIiI", data, places[0])
    if 0 in values[1::2]:
        return None
    fractions = [Fraction(values[i], values[i + 1]) for i in range(0, 8, 2)]
    wide, high, across, down = fractions
    left, top = (size[0] - wide) / 2 + across, (size[1] - high) / 2 + down
    box = (round(left), round(top), round(left + wide), round(top + high))
    is_inside = 0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]
    return box if is_inside and box != (0, 0, *size) else None


def list_primary(data: bytes, kind: bytes) -> list[Box]:
    """Return the properties of this kind of the primary picture; none for another file."""
    try:
        return list(_walk_primary(data, kind))
    except (struct.error, IndexError):
        return []


def _walk_primary(data: bytes, kind: bytes) -> Iterator[Box]:
    primary, shared = find_box(data, b"meta", b"pitm"), find_box(data, b"meta", b"iprp", b"ipco")
    if primary is None or shared is None:
        return
    item = _read_number(data, primary.start + 4, wide=data[primary.start] > 0)
    properties = list(walk_boxes(data, shared.start, shared.end))
    for index in _list_properties(data, item):
        if 0 < index <= len(properties) and properties[index - 1].kind == kind:
            yield properties[index - 1]


def _list_properties(data: bytes, item: int) -> list[int]:
    """Return the numbers, from 1, of the properties of an item."""
    box = find_box(data, b"meta", b"iprp", b"ipma")
    if box is None:
        return []
    version, is_wide = data[box.start], bool(data[box.start + 3] & 1)
    count, at = _read_number(data, box.start + 4, wide=True), box.start + 8
    for _ in range(min(count, _MOST_BOXES)):
        one = _read_number(data, at, wide=version > 0)
        at += 4 if version > 0 else 2
        number, at = data[at], at + 1
        step = 2 if is_wide else 1
        places = range(at, at + number * step, step)
        at += number * step
        if one == item:
            mask = 0x7FFF if is_wide else 0x7F
            return [int.from_bytes(data[p : p + step]) & mask for p in places]
    return []


def _read_number(data: bytes, at: int, *, wide: bool) -> int:
    found: int = struct.unpack_from(">I" if wide else ">H", data, at)[0]
    return found

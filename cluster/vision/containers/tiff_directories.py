"""Rewrites the first directory of a TIFF without unusable metadata.

The new directory is appended to the file, in the classic 32-bit layout; the pixels stay in place.
So a big-endian BigTIFF, which Pillow takes for a classic TIFF, can be read too.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass

_ORDERS = {b"II": "<", b"MM": ">"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}
_LONG, _LONG8, _IFD8 = 4, 16, 18
_MAX_VALUE_BYTES = 32 << 20
"""Enough for the offsets and lengths of four million strips."""

PIXEL_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 290, 291, 292, 293}
    | {301, 317, 318, 319, 320, 322, 323, 324, 325, 332, 334, 336, 338, 339, 340, 341, 347}
    | {512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532}
)
"""The tags that affect pixels (TIFF 6.0, and its technical note 2)."""

KEPT_TAGS = PIXEL_TAGS | {274, 306, 34665, 34675}
"""Also the orientation, the time, the pointer to EXIF and the ICC profile."""


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    value: bytes


def is_big_endian_big_tiff(data: bytes) -> bool:
    """Tell whether this is a big-endian TIFF with 64-bit offsets."""
    return data[:8] == b"MM\0+\0\x08\0\0"


def strip_directory(data: bytes, *, only_pixels: bool) -> bytes | None:
    """Return a classic TIFF of the first picture, with the tags that affect it.

    Unless `only_pixels`, the metadata that Headcount reads is kept. None if the directory cannot be
    read.
    """
    order = _ORDERS.get(data[:2])
    if order is None:
        return None
    tags = PIXEL_TAGS if only_pixels else KEPT_TAGS
    try:
        entries = {one.tag: one for one in _read_entries(data, order) if one.tag in tags}
    except struct.error:
        return None
    if not entries.keys() >= {256, 257} or len(data) >= 1 << 32:
        return None
    return _write(data, sorted(entries.values(), key=lambda one: one.tag), order)


def read_numbers(data: bytes, tags: Container[int]) -> dict[int, tuple[int, ...]]:
    """Return the integers of these tags of the first directory; {} if it is unreadable."""
    order = _ORDERS.get(data[:2])
    if order is None:
        return {}
    try:
        entries = [entry for entry in _read_entries(data, order) if entry.tag in tags]
    except struct.error:
        return {}
    return {
        entry.tag: struct.unpack(f"{order}{entry.count}{_NUMBERS[entry.kind]}", entry.value)
        for entry in entries
        if entry.kind in _NUMBERS
    }


def _read_entries(data: bytes, order: str) -> Iterator[_Entry]:
    is_big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    head, layout, width = ("Q", "HHQ", 8) if is_big else ("H", "HHI", 4)
    word = f"{order}{'Q' if is_big else 'I'}"
    at: int = struct.unpack_from(word, data, 8 if is_big else 4)[0]
    count: int = struct.unpack_from(order + head, data, at)[0]
    at += struct.calcsize(order + head)
    for _ in range(min(count, 4096)):
        tag, kind, number = struct.unpack_from(order + layout, data, at)
        place = at + struct.calcsize(order + layout)
        at = place + width
        size = number * (8 if kind in (_LONG8, _IFD8) else _SIZES.get(kind, 0))
        if not 0 < size <= _MAX_VALUE_BYTES:
            continue
        if size > width:
            place = struct.unpack_from(word, data, place)[0]
        value = data[place : place + size]
        if len(value) == size:
            yield _to_classic(_Entry(tag, kind, number, value), order)


def _to_classic(entry: _Entry, order: str) -> _Entry:
    if entry.kind not in (_LONG8, _IFD8):
        return entry
    numbers = struct.unpack(f"{order}{entry.count}Q", entry.value)
    small = (min(number, 0xFFFFFFFF) for number in numbers)
    return _Entry(entry.tag, _LONG, entry.count, struct.pack(f"{order}{entry.count}I", *small))


def _write(data: bytes, entries: list[_Entry], order: str) -> bytes:
    body = data + bytes(len(data) % 2)
    values, written = b"", b""
    first = len(body) + 2 + 12 * len(entries) + 4
    for entry in entries:
        field = entry.value.ljust(4, b"\0")
        if len(entry.value) > 4:
            field = struct.pack(f"{order}I", first + len(values))
            values += entry.value + bytes(len(entry.value) % 2)
        written += struct.pack(f"{order}HHI", entry.tag, entry.kind, entry.count) + field
    directory = struct.pack(f"{order}H", len(entries)) + written + bytes(4)
    head = data[:2] + struct.pack(f"{order}HI", 42, len(body))
    return head + body[8:] + directory + values

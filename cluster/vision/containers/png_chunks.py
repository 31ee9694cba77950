"""Reads the chunks of a PNG, removes unusable metadata, and measures how much of it is there.

Pillow refuses a PNG with a wrong checksum in any chunk, or with text or a profile of more than 1
MiB, although neither affects the pixels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT_BYTES = 1 << 20
"""The largest text or profile that is kept, unpacked: the limit of Pillow (MAX_TEXT_CHUNK)."""

MAX_CHUNKS = 100_000
"""More than any writer creates, even with an IDAT of 8 kB in a picture of 800 MB."""

_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_OF_PIXELS = (*_CRITICAL, b"tRNS")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_KEPT = (*_OF_PIXELS, b"eXIf", b"sRGB", b"gAMA", b"cHRM", b"cICP", *_TEXTS)
_PIECE_BYTES = 1 << 20

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Values of a pixel by the colour type of the header (PNG specification, 11.2.1)."""

_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_ADAM7 = (*_PASSES, (0, 1, 1, 2))
"""First column and row, and the steps across and down, of each pass (PNG specification, 8.2)."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk; `whole` are its bytes with length and checksum."""

    kind: bytes
    content: memoryview
    whole: memoryview

    @property
    def is_sound(self) -> bool:
        """True if the checksum is right."""
        check = self.whole[-4:] if len(self.whole) == len(self.content) + 12 else b""
        return bytes(check) == struct.pack(">I", zlib.crc32(self.content, zlib.crc32(self.kind)))


def walk_chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG up to the end of the file or of the picture."""
    view, at = memoryview(data), len(SIGNATURE)
    while at + 8 <= len(data):
        size = int.from_bytes(view[at : at + 4])
        kind = bytes(view[at + 4 : at + 8])
        yield Chunk(kind, view[at + 8 : at + 8 + size], view[at : at + 12 + size])
        if kind == b"IEND":
            return
        at += 12 + size


def read_chunks(file: BinaryIO, kind: bytes, *, max_bytes: int) -> Iterator[bytes]:
    """Yield the contents of the chunks of a kind in a file, without reading the others.

    Chunks of more than `max_bytes` and truncated chunks are left out.
    """
    file.seek(len(SIGNATURE))
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        size, begin = int.from_bytes(head[:4]), file.tell()
        if head[4:] == kind and size <= max_bytes:
            content = file.read(size)
            if len(content) == size:
                yield content
        file.seek(begin + size + 4)


def strip_chunks(data: bytes, *, only_pixels: bool) -> bytes:
    """Return a PNG with only the chunks that affect its picture, and the usable metadata.

    With `only_pixels`, all metadata is left out. A chunk with a wrong checksum is left out unless
    the picture needs it, and so is text that is larger than MAX_TEXT_BYTES.
    """
    kept = _OF_PIXELS if only_pixels else _KEPT
    chunks = (chunk for chunk in walk_chunks(data) if chunk.kind in kept)
    return SIGNATURE + b"".join(bytes(one.whole) for one in chunks if _is_usable(one))


def find_fault(data: bytes) -> str:
    """Return the fault of the header or the palette of a PNG, "" if there is none."""
    names = {b"IHDR": "header", b"PLTE": "palette"}
    checked = (chunk for chunk in walk_chunks(data) if chunk.kind in names)
    wrong = next((names[chunk.kind] for chunk in checked if not chunk.is_sound), "")
    return wrong and f"the checksum of its {wrong} is wrong"


def find_profile(data: bytes, *, at_most: int) -> bytes | None:
    """Return the ICC profile of a PNG, also one that Pillow refuses because of its size.

    None if there is none, if its chunk is damaged, or if it has more than `at_most` bytes; no more
    than these are unpacked.
    """
    for chunk in walk_chunks(data):
        if chunk.kind == b"IDAT":
            return None
        if chunk.kind == b"iCCP" and chunk.is_sound:
            packed = bytes(chunk.content).partition(b"\0")[2][1:]
            try:
                profile = zlib.decompressobj().decompress(packed, at_most + 1)
            except zlib.error:
                return None
            return profile if len(profile) <= at_most else None
    return None


def share_there(data: bytes) -> float:
    """Return the share of the bytes of all rows that is in a PNG, 0.0 to 1.0."""
    chunks = list(walk_chunks(data))
    header = next((bytes(c.content) for c in chunks if c.kind == b"IHDR"), b"")
    if len(header) < 13:
        return 0.0
    whole = _count_bytes(header)
    packed = (bytes(chunk.content) for chunk in chunks if chunk.kind == b"IDAT")
    return min(1.0, _count_unpacked(packed, at_most=whole) / max(1, whole))


def _is_usable(chunk: Chunk) -> bool:
    if chunk.kind in _CRITICAL:
        return True
    if not chunk.is_sound:
        return False
    return chunk.kind not in _TEXTS or _is_short(chunk)


def _is_short(chunk: Chunk) -> bool:
    content = bytes(chunk.content)
    if chunk.kind == b"tEXt" or len(content) > MAX_TEXT_BYTES:
        return len(content) <= MAX_TEXT_BYTES
    packed = content.partition(b"\0")[2]
    if chunk.kind == b"iTXt":
        if packed[:1] != b"\1":
            return True
        packed = packed[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        packed = packed[1:]
    return _count_unpacked(iter((packed,)), at_most=MAX_TEXT_BYTES + 1) <= MAX_TEXT_BYTES


def _count_unpacked(pieces: Iterator[bytes], *, at_most: int) -> int:
    """Return how many bytes zlib unpacks, counting no further than `at_most`, and keeping none."""
    unpacker, count = zlib.decompressobj(), 0
    for piece in pieces:
        rest = piece
        while rest and count < at_most:
            try:
                count += len(unpacker.decompress(rest, _PIECE_BYTES))
            except zlib.error:
                return count
            rest = unpacker.unconsumed_tail
    return min(count, at_most)


def _count_bytes(header: bytes) -> int:
    """Return the bytes of all rows, each with the byte that names its filter."""
    width, height, depth, colours = struct.unpack(">IIBB", header[:10])
    bits = depth * _CHANNELS.get(colours, 1)
    passes = _ADAM7 if header[12] else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total

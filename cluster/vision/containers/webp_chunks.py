"""Reads the chunks of a WebP, and removes unusable metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

MAX_CHUNKS = 100_000
"""More than the frames of any animation."""

_PICTURE = (b"VP8 ", b"VP8L", b"ALPH")
_METADATA = (b"ICCP", b"EXIF")
_HAS_ICC, _HAS_ALPHA, _HAS_EXIF = 0x20, 0x10, 0x08


def walk_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the names and contents of the chunks, ignoring the size in the file's header."""
    view, at = memoryview(data), 12
    while at + 8 <= len(data):
        size = int.from_bytes(view[at + 4 : at + 8], "little")
        yield bytes(view[at : at + 4]), view[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def read_chunks(file: BinaryIO, kind: bytes, *, max_bytes: int) -> Iterator[bytes]:
    """Yield the contents of the chunks of a kind in a file, without reading the others.

    Chunks of more than `max_bytes` and truncated chunks are left out.
    """
    file.seek(12)
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        size, begin = int.from_bytes(head[4:], "little"), file.tell()
        if head[:4] == kind and size <= max_bytes:
            content = file.read(size)
            if len(content) == size:
                yield content
        file.seek(begin + size + size % 2)


def strip_chunks(data: bytes, *, only_pixels: bool) -> bytes | None:
    """Return a WebP with only its picture, profile and EXIF.

    With `only_pixels`, profile and EXIF are left out too. None for an animation, or without a
    picture.
    """
    found: dict[bytes, bytes] = {}
    canvas = b""
    for kind, content in walk_chunks(data):
        if kind in (b"ANIM", b"ANMF"):
            return None
        if kind == b"VP8X":
            canvas = bytes(content[4:10])
        elif kind in _PICTURE or (kind in _METADATA and not only_pixels):
            found.setdefault(kind, bytes(content))
    if not found.keys() & {b"VP8 ", b"VP8L"}:
        return None
    if len(canvas) == 6 and found.keys() - {b"VP8 ", b"VP8L"}:
        flags = _HAS_ICC * (b"ICCP" in found) | _HAS_EXIF * (b"EXIF" in found)
        flags |= _HAS_ALPHA * bool(found.keys() & {b"ALPH", b"VP8L"})
        found[b"VP8X"] = bytes([flags, 0, 0, 0]) + canvas
    else:
        found = {kind: found[kind] for kind in (b"VP8 ", b"VP8L") if kind in found}
    order = (b"VP8X", b"ICCP", b"ALPH", b"VP8 ", b"VP8L", b"EXIF")
    body = b"WEBP" + b"".join(_pack(kind, found[kind]) for kind in order if kind in found)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _pack(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)

"""Computes the content of a file: a digest of its picture that ignores metadata.

For JPEG, PNG and WebP, the stored parts that determine the pixels are digested. For other formats,
and for files whose parts cannot be found, the decoded pixels are digested. The name of the method
is part of the digested bytes, so digests of different methods are never equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

from cluster.core.pictures.placements import invert_turn
from cluster.vision.photos.images import OpenedImage
from cluster.vision.relations.jpeg_contents import list_jpeg_parts
from cluster.vision.relations.turning import turn_pixels

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KINDS = (b"IHDR", b"PLTE", b"tRNS")
_WEBP_KINDS = (b"VP8 ", b"VP8L", b"ALPH")

Parts = Iterable[bytes | memoryview]


def digest_content(data: bytes, image: OpenedImage) -> bytes:
    """Return the content of a file, a digest of 32 bytes; `image` is the decoded file.

    Equal pixels from another encoder have a different digest.
    """
    kind, parts = _list_parts(data)
    if not parts:
        kind, parts = b"pixels", _list_pixels(image)
    digest = hashlib.sha256(kind + b":")
    for part in parts:
        digest.update(part)
    return digest.digest()


def _list_parts(data: bytes) -> tuple[bytes, list[bytes | memoryview]]:
    if data.startswith(b"\xff\xd8"):
        return b"JPEG", list_jpeg_parts(data)
    if data.startswith(_PNG):
        return b"PNG", _list_png_parts(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return b"WebP", _list_webp_parts(data)
    return b"", []


def _list_pixels(image: OpenedImage) -> list[bytes | memoryview]:
    """Return the pixels before colour conversion, because an ICC profile is metadata too."""
    pixels = image.pixels if image.unconverted is None else image.unconverted
    stored = turn_pixels(pixels, invert_turn(image.orientation))
    height, width = image.height, image.width
    if image.orientation >= 5:
        height, width = width, height
    return [repr((width, height, stored.shape)).encode(), np.ascontiguousarray(stored).data]


def _list_png_parts(data: bytes) -> list[bytes | memoryview]:
    """Return the header, the palettes and the compressed pixels of all IDAT chunks."""
    heads: list[bytes | memoryview] = []
    pixels: list[bytes | memoryview] = []
    for kind, content in _walk_chunks(data, at=len(_PNG), is_png=True):
        if kind in _PNG_KINDS:
            heads += [_name(kind, content), content]
        elif kind == b"IDAT":
            pixels.append(content)
        elif kind == b"IEND":
            break
    return [*heads, b"IDAT", *pixels] if pixels else []


def _list_webp_parts(data: bytes) -> list[bytes | memoryview]:
    """Return the compressed pixels; of an animation, the first frame and its place."""
    parts: list[bytes | memoryview] = []
    canvas: bytes | memoryview = b""
    for kind, content in _walk_chunks(data, at=12, is_png=False):
        if kind == b"VP8X":
            canvas = content[4:10]
        elif kind == b"ANMF":
            place = [b"ANMF", canvas, content[:12]]
            return [*place, *_list_webp_frame(bytes(content[16:]))]
        elif kind in _WEBP_KINDS:
            parts += [_name(kind, content), content]
    return parts


def _list_webp_frame(data: bytes) -> Iterator[bytes | memoryview]:
    for kind, content in _walk_chunks(data, at=0, is_png=False):
        if kind in _WEBP_KINDS:
            yield _name(kind, content)
            yield content


def _name(kind: bytes, content: memoryview) -> bytes:
    return kind + len(content).to_bytes(4, "big")


def _walk_chunks(data: bytes, *, at: int, is_png: bool) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the names and contents of the chunks of a PNG or RIFF file, until the file ends."""
    view = memoryview(data)
    while at + 8 <= len(data):
        if is_png:
            size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            following = at + 12 + size
        else:
            size, kind = int.from_bytes(data[at + 4 : at + 8], "little"), data[at : at + 4]
            following = at + 8 + size + size % 2
        yield kind, view[at + 8 : at + 8 + size]
        at = following

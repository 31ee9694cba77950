"""Removes metadata that prevents a picture from being read.

Metadata must never decide whether a picture can be read. So a file that Pillow refuses is tried
again with only the parts about pixels, orientation and colours, and then with only the parts about
pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from cluster.vision.containers import png_chunks, tiff_directories, webp_chunks
from cluster.vision.photos.scans import START_OF_SCAN, walk_places

_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})
_KEPT_OF_PIXELS = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
_KEPT = {**_KEPT_OF_PIXELS, 0xE1: (b"Exif\0", 8), 0xE2: (b"ICC_PROFILE\0", 14)}
"""The segments that are kept, by marker: the beginning of their content, and its least size."""


def list_bare(data: bytes, *, name: str) -> Iterator[bytes]:
    """Yield a file with less metadata, then with none, unless that equals the file itself.

    `name` is that of the format in cluster/core/files/formats.py.
    """
    strip = _STRIPS.get(name)
    for only_pixels in (False, True) if strip else ():
        bare = strip(data, only_pixels) if strip else None
        if bare is not None and bare != data:
            yield bare


def strip_jpeg(data: bytes, *, only_pixels: bool) -> bytes:
    """Return a JPEG without comments and APPn segments, except those that affect colours.

    These are JFIF's and Adobe's markers (jdapimin.c in libjpeg). Unless `only_pixels`, EXIF and the
    ICC profile are kept as well.
    """
    kept, last = [data[:2]], 2
    for marker, start, end in walk_places(data):
        if marker == START_OF_SCAN:
            break
        names = _KEPT_OF_PIXELS if only_pixels else _KEPT
        if marker not in _METADATA or _is_kept(marker, data[start + 2 : end], names):
            kept.append(bytes([0xFF, marker]) + data[start:end])
        last = end
    return b"".join((*kept, data[last:]))


def _is_kept(marker: int, content: bytes, names: Mapping[int, tuple[bytes, int]]) -> bool:
    name, size = names.get(marker, (b"", 0))
    return bool(name) and content.startswith(name) and len(content) >= size


_STRIPS: dict[str, Callable[[bytes, bool], bytes | None]] = {
    "JPEG": lambda data, only: strip_jpeg(data, only_pixels=only),
    "PNG": lambda data, only: png_chunks.strip_chunks(data, only_pixels=only),
    "WebP": lambda data, only: webp_chunks.strip_chunks(data, only_pixels=only),
    "TIFF": lambda data, only: tiff_directories.strip_directory(data, only_pixels=only),
}

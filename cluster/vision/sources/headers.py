"""Checks whether the header of a file has the structure that its signature promises.

Text may begin with BM or GIF8, and most raw formats begin as a TIFF. A truncated header is judged
by the part that exists, because a truncated photo must become a failed item with its reason.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

HEAD_BYTES = 4096
"""The number of bytes that are read to recognise a file."""

_MOST_BRANDS = 64
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_GIF_BLOCKS = b"\x21\x2c\x3b"
_WEBP_CHUNKS = (b"VP8 ", b"VP8L", b"VP8X")

_PNM = re.compile(rb"P[456Ff](\s+(#[^\n]*\n)?)+\d+\s+(#[^\n]*\n\s*)*\d+\s")
_PAM = re.compile(rb"P7\s+(#[^\n]*\n\s*)*(WIDTH|HEIGHT|DEPTH|MAXVAL|TUPLTYPE) ")

_NEW_SUBFILE, _COMPRESSION, _PHOTOMETRIC, _MAKE, _SUB_IFDS, _DNG = 254, 259, 262, 271, 330, 50706
_TAGS_OF_PICTURES = frozenset({254, 255, 256, 257, 258, 259, 262, 273, 324, 330})
_RAW_COMPRESSIONS = frozenset({32767, 32769, 32770, 34713, 65000, 65535})
_RAW_PHOTOMETRIC = frozenset({32803, 34892})
"""Colour filter array and linear raw, from TIFF/EP and DNG."""


def has_header(name: str, head: bytes) -> bool:
    """Tell whether a file with the signature of a format also has its header."""
    check = _CHECKS.get(name)
    return check is None or check(head)


def is_raw_tiff(head: bytes) -> bool:
    """Tell whether this is a camera's raw file with the structure of a TIFF."""
    tags = _read_tags(head)
    return bool(tags) and (_has_raw_mark(head) or _are_of_raw(tags))


def list_brands(head: bytes) -> tuple[bytes, ...]:
    """Return the major and the compatible brands of an ISO media file; none for another file."""
    if head[4:8] != b"ftyp":
        return ()
    size = int.from_bytes(head[:4], "big")
    if size < 12 or size > 16 + 4 * _MOST_BRANDS:
        return ()
    box = head[16:size]
    return (head[8:12], *(box[at : at + 4] for at in range(0, len(box), 4)))


def _is_jpeg(head: bytes) -> bool:
    """Tell whether a start marker and the marker of a segment with its length follow."""
    if head[:3] != b"\xff\xd8\xff" or len(head) < 4:
        return False
    has_length = 0xC0 <= head[3] <= 0xFE and not 0xD0 <= head[3] <= 0xD9
    return head[3] == 0xFF or (has_length and head[4:6] not in (b"\0\0", b"\0\1"))


def _is_gif(head: bytes) -> bool:
    """Tell whether a screen size, a table of colours, and the start of a known block follow."""
    if head[:6] not in (b"GIF87a", b"GIF89a") or len(head) < 13:
        return False
    width, height, flags = struct.unpack_from("<HHB", head, 6)
    start = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    block = head[start : start + 1]
    return bool(width and height) and block in _GIF_BLOCKS and not _is_printable(head[:512])


def _is_printable(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\n\r" for byte in head)


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[12:16] in _WEBP_CHUNKS


def _is_plain_tiff(head: bytes) -> bool:
    return bool(_read_tags(head)) and not is_raw_tiff(head)


def _is_bmp(head: bytes) -> bool:
    """Tell whether a header of a known size with one plane and a usual number of bits follows."""
    if head[:2] != b"BM" or len(head) < 30:
        return False
    offset, size = struct.unpack_from("<II", head, 10)
    planes, bits = struct.unpack_from("<HH", head, 22 if size == 12 else 26)
    is_header = size in _BMP_HEADERS and (offset == 0 or offset >= 14 + 12)
    return is_header and planes == 1 and bits in (0, 1, 2, 4, 8, 16, 24, 32)


def _is_pnm(head: bytes) -> bool:
    """Tell whether width and height follow the mark as numbers; in a PAM, a named field."""
    return any(pattern.match(head) for pattern in (_PNM, _PAM))


def _has_raw_mark(head: bytes) -> bool:
    return head[8:10] == b"CR"  # Canon's CR2


def _are_of_raw(tags: dict[int, int]) -> bool:
    if _DNG in tags or tags.get(_PHOTOMETRIC) in _RAW_PHOTOMETRIC:
        return True
    if tags.get(_COMPRESSION) in _RAW_COMPRESSIONS:
        return True
    # The first picture is a preview, and the raw picture is in a subdirectory (NEF, ARW, SRW).
    return tags.get(_NEW_SUBFILE) == 1 and _SUB_IFDS in tags and _MAKE in tags


def _read_tags(head: bytes) -> dict[int, int]:
    """Return the first directory of a TIFF, each tag with its first value; {} for another file.

    A directory beyond `head`, whose tags are unknown, is represented by a single picture tag.
    """
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return {}
    version = struct.unpack_from(f"{order}H", head, 2)[0]
    if version == 43:
        return {256: 0} if head[4:8] == struct.pack(f"{order}HH", 8, 0) else {}
    offset: int = struct.unpack_from(f"{order}I", head, 4)[0]
    if version != 42 or offset < 8:
        return {}
    if offset + 14 > len(head):
        return {256: 0} if len(head) >= HEAD_BYTES else {}
    tags = dict(_read_entries(head, offset, order))
    return tags if _TAGS_OF_PICTURES & tags.keys() else {}


def _read_entries(head: bytes, offset: int, order: str) -> Iterator[tuple[int, int]]:
    count: int = struct.unpack_from(f"{order}H", head, offset)[0]
    last = min(offset + 2 + 12 * count, len(head) - 11)
    for at in range(offset + 2, last, 12):
        tag, kind = struct.unpack_from(f"{order}HH", head, at)
        value = struct.unpack_from(f"{order}H" if kind == 3 else f"{order}I", head, at + 8)[0]
        yield tag, value


_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "JPEG": _is_jpeg,
    "GIF": _is_gif,
    "BMP": _is_bmp,
    "WebP": _is_webp,
    "TIFF": _is_plain_tiff,
    "PNM": _is_pnm,
}
"""Checks by the names in cluster/core/files/formats.py, for signatures that other files may have
too."""

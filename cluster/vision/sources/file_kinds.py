"""Recognises files by their first bytes, if their names are not enough."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.core.files.formats import (
    ANY_PICTURE,
    FORMATS,
    RAW_TIFF,
    TRANSPORT_STREAM,
    VIDEO,
    Format,
)
from cluster.core.files.passed_over import PassedOverKind
from cluster.vision.containers.iso_boxes import find_code, is_picture
from cluster.vision.sources.headers import has_header, is_raw_tiff, list_brands

_TRANSPORT_PACKETS = ((0, 188), (4, 192))
"""The offset of the first packet of an MPEG transport stream, and the length of a packet. In
camcorder files (M2TS), a timestamp precedes each packet."""
_MARKS_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def find_kind(head: bytes) -> PassedOverKind | None:
    """Return the kind of a file that is not a picture; None for a picture.

    `head` holds the first HEAD_BYTES of the file, or all of it.
    """
    found = find_format(head)
    return _find_without_signature(head) if found is None else found.kind


def find_format(head: bytes) -> Format | None:
    """Return the format of a file from its first bytes; None if they match no format.

    The whole header is checked, because text may begin with BM or GIF8.
    """
    brands = list_brands(head)
    if brands:
        return _find_by_brands(brands, head)
    if is_raw_tiff(head):
        return RAW_TIFF
    return next(
        (row for row in FORMATS if _has_mark(row, head) and has_header(row.name, head)), None
    )


def find_film_format(head: bytes) -> Format | None:
    """Return the format of a file from its first bytes; None unless it is a readable film."""
    found = find_format(head)
    if found is None and _is_transport_stream(head):
        return TRANSPORT_STREAM
    return found if found is not None and found.demuxer else None


def guess_format(head: bytes) -> Format | None:
    """Return the format whose signature the file has, whatever follows it; None for no known one.

    Use this for a file that was already taken for a photo, and may be damaged.
    """
    brands = list_brands(head)
    if brands:
        return _find_by_brands(brands, head)
    if is_raw_tiff(head):
        return RAW_TIFF
    rows = (row for row in FORMATS if any(one.matches(head) for one in row.signatures))
    return next(rows, None)


def is_text(head: bytes) -> bool:
    """Tell from its first bytes whether a file holds text, as UTF-8 or with a UTF-16 mark."""
    if head.startswith(_MARKS_OF_UTF_16):
        return True
    text = head.decode("utf-8", errors="ignore")
    is_utf8 = len(head) - len(text.encode()) < 4  # The last character may be cut.
    return is_utf8 and bool(text) and all(c.isprintable() or c.isspace() for c in text)


def _has_mark(row: Format, head: bytes) -> bool:
    return any(one.decides and one.matches(head) for one in row.signatures)


def _find_by_brands(brands: Sequence[bytes], head: bytes) -> Format:
    """Return the format by the brands of a file; a raw photo also lists brands of pictures.

    The coding of a picture is taken from its boxes if they are at the beginning of the file, and
    otherwise from its brands. If no brand is known, the boxes distinguish a picture from a film.
    """
    major = [row for row in FORMATS if brands[0] in row.major_brands]
    named = [row for brand in brands for row in FORMATS if brand in row.brands]
    coded = [row for brand in brands for row in FORMATS if brand in row.brands - ANY_PICTURE]
    raw = [row for row in named if row.is_raw]
    inside = _find_by_code(head) if is_picture(head) else []
    return next(iter([*raw, *inside, *coded, *named, *major]), VIDEO)


def _find_by_code(head: bytes) -> list[Format]:
    code = find_code(head)
    return [row for row in FORMATS if code in row.codes]


def _find_without_signature(head: bytes) -> PassedOverKind:
    if _is_transport_stream(head):
        return PassedOverKind.FILM
    return PassedOverKind.DOCUMENT if is_text(head) else PassedOverKind.OTHER


def _is_transport_stream(head: bytes) -> bool:
    """Tell whether several packets of an MPEG transport stream begin with 0x47."""
    return any(
        head[start : start + 4 * length : length] == b"GGGG" for start, length in _TRANSPORT_PACKETS
    )

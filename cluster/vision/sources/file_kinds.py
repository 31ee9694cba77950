"""What a file is by its first bytes, where its name does not tell."""

from __future__ import annotations

from cluster.core.passed_over import PassedOverKind
from cluster.vision.sources.headers import is_photo, is_raw_tiff, list_brands

_Kind = PassedOverKind

_SIGNATURES: tuple[tuple[int, bytes, PassedOverKind], ...] = (
    (0, b"FUJIFILMCCD-RAW", _Kind.RAW),
    (0, b"IIRO", _Kind.RAW),
    (0, b"IIRS", _Kind.RAW),
    (0, b"MMOR", _Kind.RAW),
    (0, b"IIU\x00", _Kind.RAW),
    (0, b"FOVb", _Kind.RAW),
    (0, b"\x00MRM", _Kind.RAW),
    (6, b"HEAPCCDR", _Kind.RAW),
    (8, b"AVI ", _Kind.FILM),
    (0, b"\x1aE\xdf\xa3", _Kind.FILM),
    (0, b"\x00\x00\x01\xba", _Kind.FILM),
    (0, b"\x00\x00\x01\xb3", _Kind.FILM),
    (0, b"FLV\x01", _Kind.FILM),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _Kind.FILM),
    (4, b"moov", _Kind.FILM),
    (4, b"mdat", _Kind.FILM),
    (4, b"wide", _Kind.FILM),
    (4, b"pnot", _Kind.FILM),
    (8, b"WAVE", _Kind.AUDIO),
    (8, b"AIFF", _Kind.AUDIO),
    (0, b"ID3", _Kind.AUDIO),
    (0, b"fLaC", _Kind.AUDIO),
    (0, b"OggS", _Kind.AUDIO),
    (0, b"#!AMR", _Kind.AUDIO),
    (0, b"PK\x03\x04", _Kind.ARCHIVE),
    (0, b"PK\x05\x06", _Kind.ARCHIVE),
    (0, b"Rar!\x1a\x07", _Kind.ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", _Kind.ARCHIVE),
    (0, b"\x1f\x8b\x08", _Kind.ARCHIVE),
    (0, b"BZh", _Kind.ARCHIVE),
    (0, b"\xfd7zXZ\x00", _Kind.ARCHIVE),
    (0, b"\x28\xb5\x2f\xfd", _Kind.ARCHIVE),
    (257, b"ustar", _Kind.ARCHIVE),
    (0, b"%PDF-", _Kind.DOCUMENT),
    (0, b"%!PS", _Kind.DOCUMENT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _Kind.DOCUMENT),
)
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_TRANSPORT_PACKET = 188
_MARKS_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def find_kind(head: bytes) -> PassedOverKind | None:
    """Return what a file that begins so is, if it is no picture; None when it is one.

    `head` holds the first HEAD_BYTES of the file, or all of it.
    """
    if is_photo(head):
        return None
    if is_raw_tiff(head):
        return PassedOverKind.RAW
    brands = list_brands(head)
    if brands:
        return PassedOverKind.AUDIO if brands[0] in _AUDIO_BRANDS else PassedOverKind.FILM
    kinds = (kind for at, mark, kind in _SIGNATURES if head[at : at + len(mark)] == mark)
    return next(kinds, None) or _find_without_signature(head)


def _find_without_signature(head: bytes) -> PassedOverKind:
    packets = head[: 4 * _TRANSPORT_PACKET : _TRANSPORT_PACKET]
    if packets == b"GGGG":  # Each packet of an MPEG transport stream begins with 0x47.
        return PassedOverKind.FILM
    return PassedOverKind.DOCUMENT if _is_text(head) else PassedOverKind.OTHER


def _is_text(head: bytes) -> bool:
    if head.startswith(_MARKS_OF_UTF_16):
        return True
    text = head.decode("utf-8", errors="ignore")
    is_utf8 = len(head) - len(text.encode()) < 4  # The last letter may be cut.
    return is_utf8 and bool(text) and all(c.isprintable() or c.isspace() for c in text)

"""What a file is by its first bytes, in words that a person understands."""

from __future__ import annotations

READ_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "DIB", "GIF")
"""Pillow's names of the formats that it may try; JPEG includes MPO."""

READ_FORMATS_IN_WORDS = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP and GIF"

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "a JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG"),
    (8, b"WEBP", "a WebP"),
    (0, b"GIF8", "a GIF"),
    (0, b"BM", "a BMP"),
    (0, b"II*\x00", "a TIFF"),
    (0, b"MM\x00*", "a TIFF"),
    (0, b"II+\x00", "a TIFF"),
    (4, b"ftypavi", "an AVIF"),
    (4, b"ftyphei", "a HEIC"),
    (4, b"ftyphev", "a HEIC"),
    (4, b"ftypmif1", "a HEIC"),
    (4, b"ftypmsf1", "a HEIC"),
)

_OTHER_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\x00\x00\x01\x00", "Windows icon"),
    (0, b"\x00\x00\x02\x00", "cursor"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"P1", "PNM"),
    (0, b"P2", "PNM"),
    (0, b"P3", "PNM"),
    (0, b"P4", "PNM"),
    (0, b"P5", "PNM"),
    (0, b"P6", "PNM"),
    (0, b"<svg", "SVG"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (0, b"IIRO", "Olympus raw"),
    (0, b"IIU\x00", "Panasonic raw"),
    (4, b"ftypcrx", "Canon raw"),
    (4, b"ftyp", "video"),
    (0, b"\x1aE\xdf\xa3", "video"),
    (0, b"\n\x05\x01", "PCX"),
    (4, b"\x11\xaf", "FLI animation"),
    (4, b"\x12\xaf", "FLI animation"),
)


def find_format(data: bytes) -> str | None:
    """Name the format when it is one that is read ("a JPEG"), else None."""
    return _find(_MAGIC, data)


def describe_stranger(data: bytes) -> str:
    """Say why bytes that are none of the formats that are read are not a photo."""
    if not data.strip(b"\x00"):
        return "not a photo: the file holds only zero bytes"
    other = _find(_OTHER_MAGIC, data)
    if other is not None:
        return f"a file of kind {other}; photos are read from {READ_FORMATS_IN_WORDS}"
    if _is_text(data[:512]):
        return "not a photo: the file holds text"
    if len(data) < 16:
        return f"not a photo: the file holds only {len(data)} bytes"
    return "not a photo: the file's content is of no known format"


def _find(table: tuple[tuple[int, bytes, str], ...], data: bytes) -> str | None:
    matches = (name for at, magic, name in table if data[at : at + len(magic)] == magic)
    return next(matches, None)


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", errors="ignore")
    is_utf8 = len(start) - len(text.encode()) < 4  # The last letter may be cut.
    return is_utf8 and len(text) > 1 and all(c.isprintable() or c.isspace() for c in text)

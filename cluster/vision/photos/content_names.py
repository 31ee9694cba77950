"""What a file that was taken for a photo is, in words that a person understands."""

from __future__ import annotations

from cluster.core.formats import FORMATS, Format
from cluster.vision.sources.file_kinds import guess_format, is_text
from cluster.vision.sources.headers import list_brands

READ_FORMATS = tuple(reader for row in FORMATS for reader in row.readers)
"""Pillow's names of the formats that it may try."""

_NAMES = [row.name for row in FORMATS if row.readers]
READ_FORMATS_IN_WORDS = f"{', '.join(_NAMES)} and camera raw"

_CODED_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs avif avis".split())
"""The major brands that say how the picture is coded: by these Pillow finds the reader."""

_ANY_CODE = b"mif1"


def find_read_format(data: bytes) -> Format | None:
    """Return the format when it is one that is read, else None."""
    found = guess_format(data)
    return found if found is not None and found.is_read else None


def give_known_brand(data: bytes) -> bytes:
    """Return a HEIC or AVIF with a major brand that its reader knows; any other file as it is.

    Where the first brand does not say how the picture is coded, a compatible one does.
    """
    brands = list_brands(data)
    if not brands or brands[0] in _CODED_BRANDS:
        return data
    brand = next((brand for brand in brands if brand in _CODED_BRANDS), _ANY_CODE)
    return data[:8] + brand + data[12:]


def describe_stranger(data: bytes) -> str:
    """Say why bytes that are none of the formats that are read are not a photo."""
    if not data.strip(b"\x00"):
        return "not a photo: the file holds only zero bytes"
    other = guess_format(data)
    if other is not None:
        return f"a file of kind {other.name}; photos are read from {READ_FORMATS_IN_WORDS}"
    if is_text(data[:512]):
        return "not a photo: the file holds text"
    if len(data) < 16:
        return f"not a photo: the file holds only {len(data)} bytes"
    return "not a photo: the file's content is of no known format"

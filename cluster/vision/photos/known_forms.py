"""Converts files that Pillow misreads into a form that it reads.

Pillow chooses the reader of HEIC and AVIF by the first brand only, takes a big-endian BigTIFF for a
classic one, and ignores the clean aperture of an AVIF.
"""

from __future__ import annotations

from PIL import Image

from cluster.vision.containers.iso_boxes import find_code, find_crop, has_film
from cluster.vision.containers.tiff_directories import is_big_endian_big_tiff, strip_directory
from cluster.vision.sources.headers import list_brands

_STILL_OF = {b"avis": b"avif"}
_CODED_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs avif avis".split())
"""The major brands that define the coding of the picture, by which Pillow chooses the reader."""

_BRANDS_OF_CODES = {
    b"av01": frozenset({b"avif", b"avis"}),
    b"hvc1": _CODED_BRANDS - {b"avif", b"avis"},
}
_FIRST_OF_CODES = {b"av01": (b"avif",), b"hvc1": (b"heic",)}
_ANY_CODE = b"mif1"


def make_readable(data: bytes) -> bytes:
    """Return the file in a form that Pillow reads; most files unchanged."""
    if is_big_endian_big_tiff(data):
        return strip_directory(data, only_pixels=False) or data
    brands = list_brands(data)
    return _give_known_brand(data, brands) if brands else data


def crop_aperture(image: Image.Image, data: bytes) -> tuple[Image.Image, tuple[int, int]]:
    """Return an AVIF cropped to its clean aperture, and its size."""
    box = find_crop(data, image.size)
    cropped = image if box is None else image.crop(box)
    return cropped, cropped.size


def _give_known_brand(data: bytes, brands: tuple[bytes, ...]) -> bytes:
    """Return a HEIC or AVIF whose first brand is that of its coding.

    The coding is taken from the boxes of the picture, or else from a brand. A file that claims to
    be a sequence, but has no track, is a picture.
    """
    if not has_film(data):
        brands = tuple(_STILL_OF.get(brand, brand) for brand in brands)
    code = find_code(data)
    known = _BRANDS_OF_CODES.get(code, _CODED_BRANDS)
    coded = [brand for brand in brands if brand in known]
    major = next(iter([*coded, *_FIRST_OF_CODES.get(code, ())]), _ANY_CODE)
    if major not in brands[1:] and len(brands) > 1:
        brands = (*brands[:-1], major)
    named = major + data[12:16] + b"".join(brands[1:])
    return data[:8] + named + data[8 + len(named) :]

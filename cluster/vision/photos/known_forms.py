"""Forms of a file that a reader does not know, brought into one that it knows.

Pillow chooses the reader of HEIC and AVIF by the first brand alone, takes a BigTIFF in big-endian
order for a classic one, and shows all of an AVIF whose clean aperture is a part of it.
"""

from __future__ import annotations

from PIL import Image

from cluster.vision.containers.iso_boxes import find_code, find_crop, has_film
from cluster.vision.containers.tiff_directories import is_big_endian_big_tiff, strip_directory
from cluster.vision.sources.headers import list_brands

_STILL_OF = {b"avis": b"avif"}
_CODED_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs avif avis".split())
"""The major brands that say how the picture is coded: by these Pillow finds the reader."""

_BRANDS_OF_CODES = {
    b"av01": frozenset({b"avif", b"avis"}),
    b"hvc1": _CODED_BRANDS - {b"avif", b"avis"},
}
_FIRST_OF_CODES = {b"av01": (b"avif",), b"hvc1": (b"heic",)}
_ANY_CODE = b"mif1"


def make_readable(data: bytes) -> bytes:
    """Return the file in a form that Pillow knows; most files as they are."""
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
    """Return a HEIC or AVIF whose first brand says how the picture is coded.

    The boxes of the picture say it, or else a brand. A file that calls itself a sequence, and
    has no track, is a picture.
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

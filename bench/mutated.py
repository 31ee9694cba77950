"""Generates valid photos, and mutations of them with bytes that are lost, changed or mixed up.

A mutation is identified by its seed and number, which always give the same bytes.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import imagecodecs
import numpy as np
import pillow_heif
from PIL import ExifTags, Image

from bench.made_films import make_films
from bench.made_raw import encode, make_dng
from bench.odd_files import FAMILIES, FAMILIES_OF
from bench.odd_kinds import CONVERTING, KINDS, KINDS_OF, MOST_LEVELS

pillow_heif.register_heif_opener()

SIDE = (120, 90)
ODD_EVERY = 4
EXTREMES = (b"\0\0", b"\xff\xff", b"\x7f\xff", b"\x80\0", b"\0\0\0\0", b"\xff\xff\xff\xff")
"""Numbers that are wrong for most lengths and sizes."""

HEADER_BYTES = 512
"""The first bytes, with most sizes and offsets of a file. Half of all changes are made in them."""


ODD: Mapping[str, Callable[[bytes, Random], bytes]] = {**FAMILIES, **KINDS}
"""The functions that make a file odd, by name."""


@dataclass(frozen=True, slots=True)
class Photo:
    """The name and the bytes of a valid file, a photo or a film."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mutated photo; `kinds` are the names of the changes, in order.

    If `plain` is given, the file is odd and not damaged: it shows the picture of that file, each
    pixel within `most_levels`.
    """

    number: int
    photo: str
    kinds: tuple[str, ...]
    data: bytes
    plain: bytes | None = None
    most_levels: int = 0


def make_photos() -> list[Photo]:
    """Return a small photo of each format and variant that is read, and films."""
    drawn = _draw()
    written = [
        Photo(name, _encode(picture, kind, options))
        for name, picture, kind, options in _variants(drawn)
    ]
    films = (Photo(name, data) for name, data in make_films().items())
    return [*written, *_make_without_pillow(drawn), *films]


def mutate(photos: Sequence[Photo], *, seed: int, number: int) -> Mutation:
    """Return mutation `number` of the series `seed`.

    It has one to three changes to one of `photos`, or is an odd file (bench/odd_files.py).
    """
    random = Random(f"{seed}-{number}")
    photo = random.choice(photos)
    families = list_families(photo.name)
    if number % ODD_EVERY == 0 and families:
        return make_odd(photo, random.choice(families), random, number=number)
    kinds = tuple(random.choice(list(CHANGES)) for _ in range(random.randint(1, 3)))
    data = photo.data
    for kind in kinds:
        data = CHANGES[kind](data or b"\0", random, random.choice(photos).data)
    return Mutation(number, photo.name, kinds, data)


def list_families(name: str) -> tuple[str, ...]:
    """Return the names of the changes that can make a photo odd."""
    return (*FAMILIES_OF.get(name, ()), *KINDS_OF.get(name, ()))


def make_odd(photo: Photo, kind: str, random: Random, *, number: int) -> Mutation:
    """Return the photo after the change `kind`, which must not change its pixels."""
    most = MOST_LEVELS if kind in CONVERTING else 0
    odd = ODD[kind](photo.data, random)
    return Mutation(number, photo.name, (kind,), odd, plain=photo.data, most_levels=most)


def flip_bits(data: bytes, random: Random, _other: bytes) -> bytes:
    """Flip up to 16 single bits."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 16)):
        changed[_place(data, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def overwrite(data: bytes, random: Random, _other: bytes) -> bytes:
    """Overwrite up to 32 consecutive bytes with noise."""
    at = _place(data, random)
    noise = random.randbytes(random.randint(1, 32))
    return data[:at] + noise + data[at + len(noise) :]


def claim(data: bytes, random: Random, _other: bytes) -> bytes:
    """Overwrite up to four places, which may be sizes, with extreme numbers."""
    for _ in range(random.randint(1, 4)):
        at, number = _place(data, random), random.choice(EXTREMES)
        data = data[:at] + number + data[at + len(number) :]
    return data


def cut_end(data: bytes, random: Random, _other: bytes) -> bytes:
    """Cut off the end of the file."""
    return data[: random.randrange(1, len(data) + 1)]


def cut_out(data: bytes, random: Random, _other: bytes) -> bytes:
    """Cut out a piece of up to 256 bytes."""
    at = _place(data, random)
    return data[:at] + data[at + random.randint(1, 256) :]


def repeat(data: bytes, random: Random, _other: bytes) -> bytes:
    """Repeat a piece of up to 256 bytes, 2, 3 or 50 times."""
    at = _place(data, random)
    piece = data[at : at + random.randint(1, 256)]
    return data[:at] + piece * random.choice((2, 3, 50)) + data[at:]


def splice(data: bytes, random: Random, other: bytes) -> bytes:
    """Insert a piece of another file, up to 1,024 bytes."""
    at, start = _place(data, random), _place(other, random)
    return data[:at] + other[start : start + random.randint(1, 1024)] + data[at:]


def change_heads(data: bytes, random: Random, other: bytes) -> bytes:
    """Join the beginning of one file with the rest of another."""
    return data[: _place(data, random) + 1] + other[_place(other, random) :]


CHANGES: Mapping[str, Callable[[bytes, Random, bytes], bytes]] = {
    change.__name__: change
    for change in (flip_bits, overwrite, claim, cut_end, cut_out, repeat, splice, change_heads)
}


def _place(data: bytes, random: Random) -> int:
    end = len(data) if random.random() < 0.5 else min(len(data), HEADER_BYTES)
    return random.randrange(max(1, end))


def _draw() -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 1, SIDE[0]), np.linspace(0, 1, SIDE[1]))
    noise = np.random.default_rng(1).integers(0, 40, (SIDE[1], SIDE[0], 3))
    smooth = np.stack([40 + 170 * x, 30 + 150 * y, 200 - 150 * x * y], axis=2)
    return Image.fromarray((smooth + noise).astype(np.uint8))


def _variants(picture: Image.Image) -> list[tuple[str, Image.Image, str, dict[str, object]]]:
    grey = picture.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    frames: dict[str, object] = {"save_all": True, "append_images": [picture.rotate(90)] * 2}
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.DateTime] = "2009:07:31 15:42:01"
    return [
        ("jpeg", picture, "JPEG", {"quality": 80, "exif": exif}),
        ("jpeg progressive", picture, "JPEG", {"progressive": True}),
        ("jpeg restarts", picture, "JPEG", {"restart_marker_rows": 1}),
        ("jpeg grey", grey, "JPEG", {}),
        ("jpeg cmyk", picture.convert("CMYK"), "JPEG", {}),
        ("mpo", picture, "MPO", frames),
        ("png", picture, "PNG", {"exif": exif}),
        ("png rgb", picture, "PNG", {}),
        ("png palette", picture.convert("P"), "PNG", {"transparency": 3}),
        ("png 16 bit", deep, "PNG", {}),
        ("png bits", grey.convert("1"), "PNG", {}),
        ("png animated", picture, "PNG", frames),
        ("webp", picture, "WEBP", {"exif": exif}),
        ("webp lossless", picture.convert("RGBA"), "WEBP", {"lossless": True}),
        ("webp animated", picture, "WEBP", frames),
        ("heic", picture, "HEIF", {"exif": exif.tobytes()}),
        ("heic alpha", picture.convert("RGBA"), "HEIF", {}),
        ("avif", picture, "AVIF", {"exif": exif}),
        ("tiff", picture, "TIFF", {}),
        ("tiff lzw", picture, "TIFF", {"compression": "tiff_lzw"}),
        ("tiff deflate", deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("tiff jpeg", picture, "TIFF", {"compression": "jpeg"}),
        ("tiff group 4", grey.convert("1"), "TIFF", {"compression": "group4"}),
        ("bmp", picture, "BMP", {}),
        ("bmp palette", picture.convert("P"), "BMP", {}),
        ("gif", picture, "GIF", {}),
        ("gif animated", picture, "GIF", frames),
        ("jpeg 2000", picture, "JPEG2000", {}),
        ("pnm", picture, "PPM", {}),
    ]


def _make_without_pillow(picture: Image.Image) -> list[Photo]:
    """Return photos of the formats that Pillow does not write."""
    pixels = np.asarray(picture)
    large = picture.resize((660, 495))
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    psd = struct.pack(">4sH6xHIIHH12xH", b"8BPS", 1, 3, *pixels.shape[:2], 8, 3, 0)
    pam = f"P7\nWIDTH {SIDE[0]}\nHEIGHT {SIDE[1]}\nDEPTH 3\nMAXVAL 255\nENDHDR\n".encode()
    return [
        Photo("jpeg xl", bytes(imagecodecs.jpegxl_encode(pixels, distance=1.0))),
        Photo("jpeg xl lossless", bytes(imagecodecs.jpegxl_encode(pixels, lossless=True))),
        Photo("psd", psd + planes.tobytes()),
        Photo("pam", pam + pixels.tobytes()),
        Photo("raw", make_dng(picture)),
        Photo("raw with a preview", make_dng(picture, preview=encode(large), orientation=6)),
    ]


def _encode(picture: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()

"""Colours that a profile defines are shown as sRGB."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from cluster.core.pictures.duplicates import have_alike_phashes
from cluster.core.pictures.same_picture import are_blocks_same
from cluster.vision.relations.fingerprints import make_record_and_image
from tests.odd_pictures import SRGB, chunk, draw, encode, make_exif, read

WIDE = [(0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249)]
"""The primaries of ProPhoto RGB."""


def make_profile(primaries: list[tuple[float, float, float]], gamma: float) -> bytes:
    """Return an ICC profile (version 2.4) with these primaries, in D50 XYZ."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ " + bytes(4) + b"".join(map(number, values))

    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, int(gamma * 256), 0)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"wide\0" + bytes(78)
    tags = [(b"desc", text), (b"cprt", b"text" + bytes(4) + b"none\0")]
    tags += [(b"wtpt", xyz((0.9642, 1, 0.8249)))]
    tags += list(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags:
        whole = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", at, len(whole))
        body, at = body + whole, at + len(whole)
    head = struct.pack(">I", at) + bytes(4) + struct.pack(">I", 0x02400000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return head + b"".join(map(number, (0.9642, 1, 0.8249))) + bytes(48) + table + body


WIDE_PROFILE = make_profile(WIDE, 1.8)


def to_wide(image: Image.Image) -> Image.Image:
    wide = ImageCms.ImageCmsProfile(io.BytesIO(WIDE_PROFILE))
    shown = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), wide, outputMode="RGB")
    assert shown is not None
    return shown


WRITERS = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"quality": 95},
    "TIFF": {},
    "HEIF": {"quality": 95},
    "AVIF": {"quality": 95},
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_wide_gamut_is_converted_to_srgb(kind: str, orientation: int) -> None:
    options = {**WRITERS[kind], "exif": make_exif(orientation)}
    plain = encode(draw(), kind, **options)
    options = {**WRITERS[kind], "exif": make_exif(orientation), "icc_profile": WIDE_PROFILE}
    data = encode(to_wide(draw()), kind, **options)
    found, wanted = read(data).astype(int), read(plain).astype(int)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 4


@pytest.mark.parametrize("seed", range(5))
def test_a_photo_and_its_twin_in_srgb_are_the_same_picture(seed: int) -> None:
    spots = np.random.default_rng(seed).integers(60, 200, (9, 12, 3), dtype=np.uint8)
    shown = Image.fromarray(spots).resize((1200, 900), Image.Resampling.BICUBIC)
    data = encode(to_wide(shown), "JPEG", quality=95, icc_profile=WIDE_PROFILE)
    wide, _ = make_record_and_image(data, path="wide")
    srgb, _ = make_record_and_image(encode(shown, "JPEG", quality=95), path="srgb")
    assert have_alike_phashes(wide.phash, srgb.phash)
    assert are_blocks_same(wide.blocks, srgb.blocks, long_sides=(1200, 1200))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_profile_does_not_change_the_content_of_a_photo(kind: str) -> None:
    """A known photo does not count as changed when its colours are now shown correctly."""
    shown = draw()
    plain, _ = make_record_and_image(encode(shown, kind, **WRITERS[kind]), path="plain")
    data = encode(shown, kind, icc_profile=WIDE_PROFILE, **WRITERS[kind])
    wide, _ = make_record_and_image(data, path="wide")
    assert wide.content == plain.content
    assert wide.thumbnail != plain.thumbnail


@pytest.mark.parametrize(
    "profile",
    [SRGB, b"not a profile", SRGB[:200], bytes(500), b"\xff" * 4000, SRGB[:130] + b"\xff" * 900],
)
def test_the_profile_of_srgb_and_broken_ones_change_nothing(profile: bytes) -> None:
    plain = encode(draw(), "JPEG")
    assert np.array_equal(read(encode(draw(), "JPEG", icc_profile=profile)), read(plain))


def test_a_profile_of_another_colour_space_changes_nothing() -> None:
    grey = draw().convert("L")
    plain = encode(grey, "JPEG")
    assert np.array_equal(read(encode(grey, "JPEG", icc_profile=WIDE_PROFILE)), read(plain))


def test_a_large_profile_of_a_png_is_used() -> None:
    """Pillow refuses profiles of more than 1 MiB; those of printers and cameras can be larger."""
    long = struct.pack(">I", len(WIDE_PROFILE) + (2 << 20)) + WIDE_PROFILE[4:] + bytes(2 << 20)
    shown = encode(to_wide(draw()), "PNG")
    piece = chunk(b"iCCP", b"a\0\0" + zlib.compress(long))
    wanted = encode(to_wide(draw()), "PNG", icc_profile=WIDE_PROFILE)
    assert np.array_equal(read(shown[:33] + piece + shown[33:]), read(wanted))


def test_a_profile_of_a_png_that_unpacks_to_too_much_is_left_out() -> None:
    plain = encode(draw(), "PNG")
    for content in (WIDE_PROFILE + bytes(100 << 20), bytes(9 << 20)):
        piece = chunk(b"iCCP", b"a\0\0" + zlib.compress(content))
        assert np.array_equal(read(plain[:33] + piece + plain[33:]), read(plain))

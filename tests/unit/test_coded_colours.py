"""Colours that a file names by code points (H.273) are shown as sRGB, and HDR is tone-mapped."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from cluster.vision.containers.colour_codes import ColourCode, find_colour_code
from cluster.vision.photos.coded_colours import code_to_srgb
from cluster.vision.photos.images import open_image
from cluster.vision.relations.fingerprints import make_record_and_image

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3, BT_2020, LIKE_SRGB, PQ, HLG = 12, 9, 13, 16, 18
PLAIN, LOOKS_LIKE_P3 = ColourCode(1, LIKE_SRGB), ColourCode(P3, LIKE_SRGB)

TO_P3 = np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]])
"""From linear sRGB to linear Display P3 (CSS Color 4, 10.9)."""


def draw(width: int = 240, height: int = 160) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    smooth = np.stack([40 + 170 * x, 30 + 150 * y, 200 - 150 * x * y], axis=2)
    return Image.fromarray(smooth.astype(np.uint8))


def to_p3(image: Image.Image) -> Image.Image:
    coded = np.asarray(image) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4) @ TO_P3.T
    shown = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return Image.fromarray((shown * 255 + 0.5).astype(np.uint8))


def encode(image: Image.Image, kind: str, code: ColourCode, **options: object) -> bytes:
    """Return a file with these code points."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    data = out.getvalue()
    if kind == "PNG":
        return data[:33] + chunk(b"cICP", bytes([code.primaries, code.transfer, 0, 1])) + data[33:]
    at = data.find(b"colrnclx")
    if at < 0:
        pytest.fail("the encoder writes no code points")
    return data[: at + 8] + struct.pack(">HH", code.primaries, code.transfer) + data[at + 12 :]


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def read(data: bytes, long_side_px: int | None = None) -> np.ndarray:
    return open_image(data, path="photo", long_side_px=long_side_px).pixels.astype(int)


WRITERS: dict[str, dict[str, object]] = {
    "PNG": {},
    "AVIF": {"quality": 95, "speed": 10},
    "HEIF": {"quality": 95},
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("long_side_px", [None, 60])
def test_display_p3_that_only_code_points_tell_is_converted(
    kind: str, long_side_px: int | None
) -> None:
    plain = read(encode(draw(), kind, PLAIN, **WRITERS[kind]), long_side_px)
    wide = read(encode(to_p3(draw()), kind, LOOKS_LIKE_P3, **WRITERS[kind]), long_side_px)
    unconverted = read(encode(to_p3(draw()), kind, PLAIN, **WRITERS[kind]), long_side_px)
    assert np.abs(wide - plain).mean() < 2
    assert np.abs(unconverted - plain).max() > 12


@pytest.mark.parametrize("kind", WRITERS)
def test_code_points_do_not_change_the_content_of_a_photo(kind: str) -> None:
    """A known photo does not count as changed when its colours are now shown correctly."""
    plain, _ = make_record_and_image(encode(draw(), kind, PLAIN, **WRITERS[kind]), path="plain")
    coded = encode(draw(), kind, LOOKS_LIKE_P3, **WRITERS[kind])
    wide, _ = make_record_and_image(coded, path="wide")
    assert wide.content == plain.content
    assert wide.thumbnail != plain.thumbnail


def test_in_an_avif_a_profile_counts_before_code_points() -> None:
    plain = encode(draw(), "AVIF", PLAIN, **WRITERS["AVIF"])
    data = encode(draw(), "AVIF", LOOKS_LIKE_P3, icc_profile=SRGB, **WRITERS["AVIF"])
    assert np.array_equal(read(data), read(plain))


def test_in_a_png_code_points_count_before_a_profile() -> None:
    plain = encode(to_p3(draw()), "PNG", LOOKS_LIKE_P3)
    assert np.array_equal(
        read(encode(to_p3(draw()), "PNG", LOOKS_LIKE_P3, icc_profile=SRGB)), read(plain)
    )


@pytest.mark.parametrize(
    "code", [(0, 0), (2, 2), (1, 1), (1, 6), (255, 13), (12, 255), (3, 3), (1, 9), (22, 13)]
)
def test_code_points_that_say_srgb_or_nothing_change_nothing(code: tuple[int, int]) -> None:
    plain = encode(draw(), "PNG", PLAIN)
    assert np.array_equal(read(encode(draw(), "PNG", ColourCode(*code))), read(plain))


@pytest.mark.parametrize("content", [b"", b"\x0c", b"\x0c\x0d\0", b"\x0c\x0d\0\1\0"])
def test_a_broken_chunk_of_code_points_changes_nothing(content: bytes) -> None:
    plain = encode(draw(), "PNG", PLAIN)
    whole = chunk(b"cICP", bytes([1, LIKE_SRGB, 0, 1]))
    assert np.array_equal(read(plain.replace(whole, chunk(b"cICP", content))), read(plain))
    wrong = plain.replace(whole, chunk(b"cICP", b"\x0c\x0d\0\1")[:-1] + b"?")
    assert np.array_equal(read(wrong), read(plain))


def pq(nits: float) -> int:
    """The 8-bit sample for this luminance (SMPTE ST 2084)."""
    power = (nits / 10_000) ** 0.1593017578125
    return round(255 * ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def shown(code: ColourCode, *values: int) -> np.ndarray:
    """Return the grey levels of an HDR PNG with these samples."""
    row = np.array(values, np.uint8)[None, :, None].repeat(3, axis=2)
    return read(encode(Image.fromarray(row), "PNG", code))[0]


def test_pq_keeps_the_light_of_a_usual_photo_and_compresses_what_is_brighter() -> None:
    dark, skin, white, lamp, sun = shown(ColourCode(BT_2020, PQ), *map(pq, (0, 60, 203, 1000, 9e3)))
    assert dark.tolist() == [0, 0, 0]
    assert np.abs(skin - 148).max() <= 4  # 60 of 203 nits on the curve of sRGB
    assert (white > 220).all()
    assert (white < 245).all()
    assert (lamp >= 253).all()
    assert sun.tolist() == [255, 255, 255]


def test_hlg_shows_white_paper_as_pq_does() -> None:
    paper_hlg = shown(ColourCode(BT_2020, HLG), 191)[0]  # 75 % (ITU-R BT.2408, table 1)
    paper_pq = shown(ColourCode(BT_2020, PQ), pq(203))[0]
    assert np.abs(paper_hlg - paper_pq).max() <= 4


@pytest.mark.parametrize("transfer", [PQ, HLG, 8, 4, 5, 17])
@pytest.mark.parametrize("primaries", [1, 9, 11, 12])
def test_a_brighter_grey_is_never_shown_darker_and_stays_grey(
    transfer: int, primaries: int
) -> None:
    levels = shown(ColourCode(primaries, transfer), *range(256))
    assert (np.diff(levels, axis=0) >= 0).all()
    assert (np.ptp(levels, axis=1) <= 1).all()
    assert (levels[0].max(), levels[-1].min()) == (0, 255)


def test_a_large_picture_is_converted_as_a_small_one() -> None:
    code = ColourCode(BT_2020, PQ)
    pixels = np.asarray(draw(900, 700))
    large, small = code_to_srgb(pixels, code), code_to_srgb(pixels[690:691], code)
    assert large is not None
    assert small is not None
    assert np.array_equal(large[690], small[0])


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_boxes_that_are_cut_or_nonsense_name_no_colours(kind: str) -> None:
    data = encode(draw(64, 48), kind, LOOKS_LIKE_P3, **WRITERS[kind])
    assert find_colour_code(data) == LOOKS_LIKE_P3
    end = data.index(b"mdat")
    for at in range(0, end, 3):
        find_colour_code(data[:at])
        find_colour_code(data[:at] + b"\xff\xff\xff" + data[at + 3 :])

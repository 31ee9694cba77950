"""JPEG XL is read, or fails with the correct reason."""

from __future__ import annotations

import struct
from datetime import datetime

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from cluster.vision.readers.jpeg_xl import CONTAINER, read_size
from cluster.vision.relations.fingerprints import make_record_and_image
from tests.unit.encoded_pictures import (
    PIXELS,
    SIZE,
    box,
    check_like,
    exif_block,
    opened,
    picture,
    reason,
)


def jxl(pixels: np.ndarray, *, exif: bytes | None = None, parts: int = 0) -> bytes:
    """A lossless JPEG XL, in a container if it needs boxes for EXIF or parts."""
    stream = imagecodecs.jpegxl_encode(pixels, lossless=True, usecontainer=False)
    if exif is None and not parts:
        return stream
    head = CONTAINER + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    if exif is not None:
        head += box(b"Exif", bytes(4) + exif)
    if not parts:
        return head + box(b"jxlc", stream)
    step = len(stream) // parts + 1
    cut = [stream[at : at + step] for at in range(0, len(stream), step)]
    marks = [n | (0x80000000 if n == len(cut) - 1 else 0) for n in range(len(cut))]
    return head + b"".join(
        box(b"jxlp", struct.pack(">I", mark) + part) for mark, part in zip(marks, cut, strict=True)
    )


@pytest.mark.parametrize("size", [(240, 160), (1024, 768), (7, 3), (640, 640), (3001, 17)])
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(size: tuple[int, int]) -> None:
    stream = jxl(np.zeros((size[1], size[0], 3), np.uint8))
    assert read_size(stream[:64]) == size
    assert (opened(stream).width, opened(stream).height) == size


def test_a_jpeg_xl_is_read_bare_and_in_its_container() -> None:
    for data in (jxl(PIXELS), jxl(PIXELS, exif=exif_block()), jxl(PIXELS, parts=3)):
        check_like(data, picture(), most=0)


def test_a_jpeg_xl_keeps_its_time_and_is_turned_by_its_codestream_alone() -> None:
    found = opened(jxl(PIXELS, exif=exif_block(orientation=6)))
    assert found.taken_at == datetime(2020, 2, 3, 4, 5, 6)
    assert (found.width, found.height, found.orientation) == (*SIZE, 1)


def test_a_jpeg_xl_of_any_depth_and_with_alpha_is_read() -> None:
    grey = np.asarray(picture().convert("L"))
    check_like(jxl(grey), picture().convert("L"))
    check_like(jxl(PIXELS.astype(np.uint16) * 257), picture(), most=0)
    check_like(jxl((PIXELS / 255).astype(np.float32)), picture())
    clear = np.dstack([PIXELS, np.zeros(PIXELS.shape[:2], np.uint8)])
    check_like(jxl(clear), Image.new("RGB", SIZE, "white"), most=0)
    check_like(jxl(np.dstack([grey, np.full(grey.shape, 255, np.uint8)])), picture().convert("L"))


def test_a_jpeg_xl_with_other_tags_is_the_same_photo() -> None:
    before, after = (
        make_record_and_image(jxl(PIXELS, exif=exif_block(time=time)), path="photo")[0]
        for time in ("2020:02:03 04:05:06", "2021:02:03 04:05:06")
    )
    assert before.sha256 != after.sha256
    assert (before.content, before.phash) == (after.content, after.phash)


def test_the_first_frame_of_a_jpeg_xl_that_moves_is_read() -> None:
    check_like(jxl(np.stack([PIXELS, 255 - PIXELS])), picture(), most=0)


def test_a_broken_jpeg_xl_says_so() -> None:
    whole = jxl(PIXELS)
    for length in (20, 200, len(whole) - 5):
        assert reason(whole[:length]) == "the file ends too early"
    assert "JPEG XL" in reason(whole[:3])
    assert "JPEG XL" in reason(whole[:60] + bytes(len(whole) - 60))
    assert "JPEG XL" in reason(CONTAINER + box(b"ftyp", b"jxl \0\0\0\0jxl "))


def test_a_jpeg_xl_that_claims_too_much_is_refused_before_it_is_decoded() -> None:
    bits = 0b0  # Not the small header: the height in 30 bits, no ratio, the width in 30 bits.
    at = 1
    for value, width in ((3, 2), (65_000 - 1, 30), (0, 3), (3, 2), (65_000 - 1, 30)):
        bits |= value << at
        at += width
    data = b"\xff\x0a" + bits.to_bytes(20, "little")
    assert reason(data) == "4225 million pixels, more than the limit of 200 million (max_pixels)"

"""Photoshop files are read, or fail with the correct reason."""

from __future__ import annotations

import struct
import zlib
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from tests.unit.encoded_pictures import (
    PIXELS,
    SIZE,
    check_like,
    exif_block,
    opened,
    picture,
    reason,
)

CASES = ("raw", "rle", "zip")


def psd(
    planes: np.ndarray,
    *,
    mode: int = 3,
    coding: str = "raw",
    version: int = 1,
    resources: bytes = b"",
    palette: bytes = b"",
    layers: int = 0,
) -> bytes:
    """A Photoshop file of these planes, (channels, H, W) of uint8, >u2 or >f4."""
    channels, height, width = planes.shape
    head = struct.pack(
        ">4sH6xHIIHH", b"8BPS", version, channels, height, width, planes.itemsize * 8, mode
    )
    inside = struct.pack(">Q" if version == 2 else ">I", 2) + struct.pack(">h", layers)
    long = ">Q" if version == 2 else ">I"
    head += struct.pack(">I", len(palette)) + palette
    head += struct.pack(">I", len(resources)) + resources
    head += struct.pack(long, len(inside)) + inside
    return head + encode_planes(planes, coding, version)


def encode_planes(planes: np.ndarray, coding: str, version: int) -> bytes:
    rows = [row.tobytes() for plane in planes for row in plane]
    if coding == "raw":
        return b"\0\0" + b"".join(rows)
    if coding == "zip":
        return b"\0\2" + zlib.compress(b"".join(rows))
    packed = [pack_bits(row) for row in rows]
    lengths = struct.pack(f">{len(packed)}{'I' if version == 2 else 'H'}", *map(len, packed))
    return b"\0\1" + lengths + b"".join(packed)


def pack_bits(row: bytes) -> bytes:
    """Pack the runs of one byte; copy the other bytes."""
    out, at = b"", 0
    while at < len(row):
        run = next(
            (n for n in range(1, 128) if row[at : at + n + 1] != row[at : at + 1] * (n + 1)), 128
        )
        run = min(run, len(row) - at)
        out += bytes([257 - run, row[at]]) if run > 1 else bytes([0, row[at]])
        at += run
    return out


def resource(number: int, content: bytes) -> bytes:
    padded = content + bytes(len(content) % 2)
    return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + padded


RGB = np.ascontiguousarray(PIXELS.transpose(2, 0, 1))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("coding", CASES)
def test_the_flattened_picture_of_a_photoshop_file_is_read(coding: str, version: int) -> None:
    check_like(psd(RGB, coding=coding, version=version), picture(), most=0)
    check_like(psd((RGB.astype(">u2") * 257), coding=coding, version=version), picture(), most=0)


def test_a_photoshop_file_of_any_colours_is_read() -> None:
    grey = np.asarray(picture().convert("L"))
    check_like(psd(grey[None], mode=1), picture().convert("L"), most=0)
    inks = np.asarray(picture().convert("CMYK")).transpose(2, 0, 1)
    check_like(psd(255 - inks, mode=4), picture(), most=1)
    check_like(psd(((255 - inks).astype(">u2") * 257), mode=4), picture(), most=1)
    palette = np.repeat(np.arange(256, dtype=np.uint8)[None], 3, axis=0).tobytes()
    check_like(psd(grey[None], mode=2, palette=palette), picture().convert("L"), most=0)
    light = ((RGB / 255.0 + 0.055) / 1.055) ** 2.4
    check_like(psd(light.astype(">f4")), picture(), most=1)


def test_the_transparent_part_of_a_photoshop_file_is_white() -> None:
    clear = np.concatenate([RGB, np.zeros((1, *RGB.shape[1:]), np.uint8)])
    check_like(psd(clear, layers=-1), Image.new("RGB", SIZE, "white"), most=0)
    check_like(psd(clear, layers=1), picture(), most=0)  # A selection, not alpha.


def test_a_photoshop_file_has_its_time_and_its_profile() -> None:
    found = opened(psd(RGB, resources=resource(1058, exif_block())))
    assert found.taken_at == datetime(2020, 2, 3, 4, 5, 6)


def test_a_photoshop_file_without_a_flattened_picture_says_so() -> None:
    unsaved = resource(1057, struct.pack(">IB", 1, 0) + bytes(8))
    white = np.full_like(RGB, 255)
    assert reason(psd(white, resources=unsaved, layers=2)) == (
        "a PSD that was saved with its layers only, without the picture of all; save it with"
        " maximised compatibility"
    )
    check_like(psd(RGB, resources=unsaved, layers=0), picture(), most=0)


@pytest.mark.parametrize("coding", CASES)
def test_a_photoshop_file_that_is_cut_says_so(coding: str) -> None:
    whole = psd(RGB, coding=coding)
    assert "too early" in reason(whole[: len(whole) // 2])
    assert "PSD" in reason(whole[:20])


def test_a_photoshop_file_that_claims_too_much_is_refused_before_it_is_decoded() -> None:
    data = struct.pack(">4sH6xHIIHH", b"8BPS", 2, 3, 300_000, 300_000, 8, 3) + bytes(40)
    assert "more than the limit of 200 million" in reason(data)

"""A BMP is read by its masks, and an alpha channel that was never set is ignored."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.odd_pictures import draw, read


def make_bitmap(
    pixels: np.ndarray, masks: tuple[int, ...], *, bits: int, header: int, downwards: bool = False
) -> bytes:
    """Return a BMP whose colours, and an alpha of 0, are laid out by the masks."""
    height, width = pixels.shape[:2]
    words = np.zeros((height, width), np.uint32)
    for channel, mask in enumerate(masks[:3]):
        low = (mask & -mask).bit_length() - 1
        most = mask >> low
        words |= (pixels[..., channel].astype(np.uint32) * most // 255) << low
    rows = np.zeros((height, -(-width * bits // 32) * 32 // bits), f"<u{bits // 8}")
    rows[:, :width] = words
    body = (rows if downwards else rows[::-1]).tobytes()
    fields = struct.pack(f"<{len(masks)}I", *masks)
    inside = fields if header > 40 else b""
    offset = 14 + header + (0 if inside else len(fields))
    dib = struct.pack(
        "<IiiHHIIiiII", header, width, -height if downwards else height, 1, bits, 3,
        len(body), 2835, 2835, 0, 0,
    )  # fmt: skip
    dib = (dib + inside).ljust(header, b"\0") + (b"" if inside else fields)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + dib + body


@pytest.mark.parametrize("downwards", [False, True])
@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
        (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
        (16, (0xF800, 0x7E0, 0x1F)),
        (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        (16, (0xF00, 0xF0, 0xF, 0xF000)),
    ],
)
def test_a_bmp_is_read_by_its_masks_and_empty_alpha_is_none(
    bits: int, masks: tuple[int, ...], header: int, downwards: bool
) -> None:
    wanted = np.asarray(draw(61, 40))
    given = masks[:3] if header in (40, 52) else (*masks, 0)[:4]
    data = make_bitmap(wanted, given, bits=bits, header=header, downwards=downwards)
    found = read(data).astype(int)
    most = 16 if 0xF in masks else 9 if bits == 16 else 1
    assert np.abs(found - wanted).max() <= most


def test_alpha_of_a_bmp_that_says_something_counts() -> None:
    body = np.full((4, 4, 4), 10, np.uint8)
    body[:2, :, 3], body[2:, :, 3] = 255, 0
    dib = struct.pack("<IiiHHIIiiII", 108, 4, -4, 1, 32, 3, 64, 0, 0, 0, 0)
    dib += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52)
    data = b"BM" + struct.pack("<IHHI", 14 + 108 + 64, 0, 0, 122) + dib + body.tobytes()
    assert read(data)[:, 0, 0].tolist() == [10, 10, 255, 255]

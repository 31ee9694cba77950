"""A photo without its end is read whole, or its error says correctly how much of it exists."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.odd_pictures import chunk, draw, encode, find_reason, read

TRAILER = b"\0\0\x30\x0a\x0e\0\0\0MotionPhoto_Data\0\0\0\x18ftypmp42" + np.random.default_rng(
    1
).bytes(5000)
"""The bytes that a phone writes behind the picture: its own data, and a film."""


@pytest.mark.parametrize("is_interlaced", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_png_that_is_cut_says_how_much_is_there_whatever_it_shows(
    is_interlaced: bool, share: float
) -> None:
    dark = np.zeros((200, 300, 3), np.uint8)
    dark[::2, ::50] = np.random.default_rng(4).integers(0, 2, (100, 6, 3))
    whole = encode(Image.fromarray(dark), "PNG", compress_level=0)
    if is_interlaced:
        whole = interlace(dark)
    start = whole.index(b"IDAT") + 4
    said = find_reason(whole[: start + int((len(whole) - start) * share)])
    assert abs(int(said.split("only ")[1].split(" ")[0]) - 100 * share) <= 2


def interlace(pixels: np.ndarray) -> bytes:
    """Return an interlaced PNG (Adam7)."""
    height, width = pixels.shape[:2]
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    raw = b"".join(
        b"\0" + row.tobytes()
        for left, top, across, down in (*steps, (0, 1, 1, 2))
        for row in pixels[top::down, left::across]
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 0)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def make_end(name: str) -> Image.Image:
    image = draw()
    if name == "letterbox":
        image.paste((0, 0, 0), (0, 90, 240, 160))
    return Image.new("RGB", (240, 160), name) if name in ("black", "white", "grey") else image


@pytest.mark.parametrize("name", ["bright", "letterbox", "black", "white", "grey"])
@pytest.mark.parametrize("trailer", [b"", TRAILER], ids=["cut", "trailer"])
@pytest.mark.parametrize("long_side_px", [None, 60])
@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 2}],
    ids=["plain", "progressive", "restarts", "more-restarts"],
)
def test_a_jpeg_that_lacks_only_its_end_marker_is_read_whole(
    name: str, trailer: bytes, long_side_px: int | None, options: dict[str, object]
) -> None:
    whole = encode(make_end(name), "JPEG", quality=90, **options)
    found = read(whole[:-2] + trailer, long_side_px)
    assert np.array_equal(found, read(whole, long_side_px))


@pytest.mark.parametrize("side", [1, 8, 16, 17, 40])
def test_a_tiny_jpeg_without_its_end_marker_is_read_whole(side: int) -> None:
    whole = encode(draw(side, side), "JPEG")
    assert np.array_equal(read(whole[:-2]), read(whole))


@pytest.mark.parametrize("name", ["bright", "letterbox", "black"])
@pytest.mark.parametrize("restarts", [0, 1])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_jpeg_that_is_cut_says_how_much_is_there_whatever_it_shows(
    name: str, restarts: int, share: float
) -> None:
    whole = encode(make_end(name), "JPEG", quality=90, restart_marker_rows=restarts)
    start = whole.index(b"\xff\xda") + 14
    there = start + int((len(whole) - start) * share)
    truth = find_rows(whole, there)
    said = find_reason(whole[:there])
    assert said.startswith("the file ends too early: only ")
    assert abs(int(said.split("only ")[1].split(" ")[0]) - truth) <= 6


def find_rows(whole: bytes, cut: int) -> float:
    """Return the percentage of rows that stay the same when the bytes from `cut` on are changed."""
    changed = bytearray(whole)
    for at in range(cut, len(whole) - 2):
        if not {0xFF, 0xAA} & set(whole[at - 1 : at + 2]):
            changed[at] ^= 0x55
    differs = (read(whole) != read(bytes(changed))).any(axis=(1, 2))
    return 100 * float(differs.argmax()) / len(differs)


def test_a_jpeg_that_breaks_off_in_the_middle_does_not_say_that_the_file_ends() -> None:
    whole = encode(draw(), "JPEG", quality=90)
    middle = whole.index(b"\xff\xda") + (len(whole) - whole.index(b"\xff\xda")) // 2
    said = find_reason(whole[:middle] + b"\xff\xc4\0\3\xff" + whole[middle + 5 :])
    assert said.startswith("the picture is damaged: only ")

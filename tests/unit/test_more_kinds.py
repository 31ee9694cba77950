"""JPEG 2000 and PNM are read, or fail with the correct reason; real files of rare kinds too."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.encoded_pictures import (
    PIXELS,
    SIZE,
    box,
    check_like,
    exif_block,
    jp2,
    opened,
    picture,
    reason,
)

# -- JPEG 2000


def test_a_jpeg_2000_is_read_as_a_file_and_as_a_codestream() -> None:
    check_like(jp2(picture()), picture(), most=0)
    check_like(jp2(picture(), no_jp2=True), picture(), most=0)
    check_like(jp2(picture().convert("L")), picture().convert("L"), most=0)


def test_a_jpeg_2000_is_turned_and_dated_by_its_exif() -> None:
    stored = picture().transpose(Image.Transpose.ROTATE_90)
    data = jp2(stored) + box(b"uuid", b"JpgTiffExif->JP2" + exif_block(orientation=6))
    found = opened(data)
    assert (found.width, found.height, found.orientation) == (*SIZE, 6)
    assert found.taken_at == datetime(2020, 2, 3, 4, 5, 6)
    check_like(data, picture(), most=0)


def test_a_jpeg_2000_that_is_cut_says_so_wherever_it_ends() -> None:
    whole = jp2(picture())
    for share in (0.05, 0.5, 0.99):
        assert reason(whole[: int(len(whole) * share)]) == "the file ends too early"


def test_a_broken_jpeg_2000_says_so() -> None:
    whole = jp2(picture())
    for length in (20, 60, len(whole) // 2):
        assert "JPEG 2000" in reason(whole[:length]) or "too early" in reason(whole[:length])


def test_a_jpeg_2000_that_claims_too_much_is_refused() -> None:
    assert (
        reason(jp2(picture()), max_pixels=1000)
        == "38400 pixels, more than the limit of 1000 (max_pixels)"
    )


# -- PNM


def pam(pixels: np.ndarray, most: int = 255) -> bytes:
    height, width, depth = pixels.shape
    head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {most}\n# who\nENDHDR\n"
    return head.encode() + pixels.tobytes()


def test_every_member_of_the_family_of_pnm_is_read() -> None:
    grey = picture().convert("L")
    dots = Image.fromarray((np.indices(SIZE[::-1]).sum(axis=0) % 5 < 2).astype(np.uint8) * 255)
    for image, most in ((picture(), 0), (grey, 0), (dots.convert("1"), 0)):
        check_like(jp2(image, "PPM"), image, most=most)
    plain = " ".join(str(value) for value in PIXELS[:5, :7].ravel())
    check_like(f"P3\n# made\n7 5\n255\n{plain}\n".encode(), picture().crop((0, 0, 7, 5)), most=0)
    check_like(pam(PIXELS), picture(), most=0)
    check_like(pam(np.asarray(grey)[:, :, None]), grey, most=0)
    check_like(pam(PIXELS.astype(">u2") * 257, 65535), picture(), most=1)
    clear = np.dstack([PIXELS, np.zeros(PIXELS.shape[:2], np.uint8)])
    check_like(pam(clear), Image.new("RGB", SIZE, "white"), most=0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_float_map_is_read_from_its_bottom_to_its_top(order: str) -> None:
    scale = "-1.0" if order == "<" else "1.0"
    floats = (PIXELS[::-1] / 255).astype(f"{order}f4")
    head = f"{SIZE[0]} {SIZE[1]}\n{scale}\n".encode()
    check_like(b"PF\n" + head + floats.tobytes(), picture())
    grey = Image.fromarray(PIXELS[:, :, 0])
    check_like(b"Pf\n" + head + np.ascontiguousarray(floats[:, :, 0]).tobytes(), grey)


def test_a_broken_pnm_says_so() -> None:
    assert "too early" in reason(pam(PIXELS)[:-10])
    assert "PNM" in reason(b"P7\nWIDTH 5\nHEIGHT 5\nENDHDR\n" + bytes(100))
    assert "PNM" in reason(b"P6\n-5 5\n255\n" + bytes(100))
    claims = b"P6\n65000 65000\n255\n" + bytes(100)
    assert reason(claims) == "4225 million pixels, more than the limit of 200 million (max_pixels)"
    assert "more than the limit" in reason(pam(PIXELS).replace(b"H 240", b"H 999999999"))


# -- Real files


def test_real_files_of_these_kinds_are_read(shared_dir: Path) -> None:
    folder = shared_dir / "photos" / "formats"
    sizes = {
        "srgb_8bit.jxl": (1440, 1080),
        "balloon.jp2": (2717, 3701),
        "cmyk_16bit.psd": (10, 12),
    }
    for name, size in sizes.items():
        found = opened((folder / name).read_bytes(), long_side_px=640)
        assert (found.width, found.height) == size
    assert "saved with its layers only" in reason((folder / "grey_8bit.psd").read_bytes())

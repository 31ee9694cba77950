"""JPEG XL, JPEG 2000, Photoshop files and PNM are read, or fail with a true reason."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import datetime
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import ExifTags, Image

from cluster.core.errors import UnreadableImage
from cluster.vision.photos.images import OpenedImage, open_image
from cluster.vision.readers.jpeg_xl import CONTAINER, read_size
from cluster.vision.relations.fingerprints import make_record_and_image

SIZE = (240, 160)
CASES = ("raw", "rle", "zip")


def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth picture without symmetry."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    red, green, blue = 40 + 200 * x, 30 + 180 * y, 200 - 150 * x * y
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


PIXELS = np.asarray(picture())


def opened(data: bytes, **options: int) -> OpenedImage:
    return open_image(data, path="photo", **options)


def reason(data: bytes, **options: int) -> str:
    with pytest.raises(UnreadableImage) as caught:
        opened(data, **options)
    return caught.value.reason


def check_like(data: bytes, expected: Image.Image, *, most: float = 1.0) -> None:
    found = opened(data)
    assert (found.width, found.height) == expected.size
    wanted = np.asarray(expected.convert("RGB")).astype(float)
    assert np.abs(found.pixels.astype(float) - wanted).mean() <= most


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def exif_block(*, orientation: int = 1, time: str = "2020:02:03 04:05:06") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = time
    return exif.tobytes().removeprefix(b"Exif\0\0")


def jxl(pixels: np.ndarray, *, exif: bytes | None = None, parts: int = 0) -> bytes:
    """A lossless JPEG XL, in a container with these boxes if any are wanted."""
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


# -- JPEG XL


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
    bits = 0b0  # Not small; the height with 30 bits, no ratio, the width with 30 bits.
    at = 1
    for value, width in ((3, 2), (65_000 - 1, 30), (0, 3), (3, 2), (65_000 - 1, 30)):
        bits |= value << at
        at += width
    data = b"\xff\x0a" + bits.to_bytes(20, "little")
    assert reason(data) == "4225 million pixels, more than the limit of 200 million (max_pixels)"


# -- JPEG 2000


def jp2(image: Image.Image, kind: str = "JPEG2000", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


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


# -- Photoshop


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
    """Runs of one byte are packed, others copied."""
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
    check_like(psd(clear, layers=1), picture(), most=0)  # Another channel, such as a selection.


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

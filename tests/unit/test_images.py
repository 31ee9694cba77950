"""Any photo becomes upright RGB, or an error that explains why not."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ExifTags, Image

from cluster.core.errors import UnreadableImage
from cluster.vision.photos.images import open_image
from cluster.vision.relations.fingerprints import make_record_and_image

ORIENTATIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera stores a picture, by the orientation in which it was held."""


def picture(width: int = 240, height: int = 160) -> Image.Image:
    """A smooth picture without symmetry."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    red, green, blue = 40 + 200 * x, 30 + 180 * y, 200 - 150 * x * y
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def reason(data: bytes, **options: int) -> str:
    with pytest.raises(UnreadableImage) as caught:
        open_image(data, path="photo", **options)
    assert caught.value.path == "photo"
    return caught.value.reason


def difference(data: bytes, expected: Image.Image, **options: int) -> float:
    found = open_image(data, path="photo", **options).pixels.astype(float)
    assert found.shape[:2] == expected.size[::-1]
    return float(np.abs(found - np.asarray(expected)).mean())


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_comes_out_upright(orientation: int) -> None:
    turn = ORIENTATIONS[orientation]
    stored = picture() if turn is None else picture().transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encode(stored, "JPEG", quality=95, exif=exif)
    opened = open_image(data, path="photo")
    assert (opened.width, opened.height) == (240, 160)
    assert difference(data, picture()) < 3


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_is_none_of_the_eight_leaves_the_photo_as_it_is(
    orientation: int,
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert difference(encode(picture(), "JPEG", quality=95, exif=exif), picture()) < 3


@pytest.mark.parametrize(
    "block", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\1\1"]
)
def test_a_broken_exif_block_does_not_fail_a_photo_whose_pixels_are_fine(block: bytes) -> None:
    data = encode(picture(), "JPEG", quality=95, exif=block)
    assert difference(data, picture()) < 3


@pytest.mark.parametrize(
    ("stamp", "year"),
    [
        *(("2009:07:31 15:42:01", 2009), ("1893:07:31 15:42:01", 1893)),
        *((none, None) for none in ("0000:00:00 00:00:00", "    :  :  ", "2009:13:01 00:00:00")),
        *((none, None) for none in ("0001:01:01 00:00:00", "9999:12:31 23:59:59", "2009:07")),
    ],
)
def test_the_time_is_read_where_the_camera_knew_it(stamp: str, year: int | None) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = stamp
    taken_at = open_image(encode(picture(), "JPEG", exif=exif), path="photo").taken_at
    assert (taken_at and taken_at.year) == year


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF"])
def test_every_promised_format_is_read(kind: str) -> None:
    assert difference(encode(picture(), kind), picture()) < 8


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "CMYK", "1", "I;16", "I", "F"])
def test_every_kind_of_pixel_is_read(mode: str) -> None:
    grey = np.asarray(picture().convert("L"))
    made = {
        "I;16": lambda: Image.fromarray(grey.astype(np.uint16) * 257),
        "I": lambda: Image.fromarray(grey.astype(np.int32) * 257),
        "F": lambda: Image.fromarray(grey.astype(np.float32) / 255),
    }.get(mode, lambda: picture().convert(mode))()
    opened = open_image(encode(made, "TIFF"), path="photo").pixels
    assert opened.dtype == np.uint8
    assert opened.flags.c_contiguous
    found = np.asarray(Image.fromarray(opened).convert("L").reduce(8), dtype=float)
    assert np.abs(found - np.asarray(Image.fromarray(grey).reduce(8))).mean() < 15


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(8, axis=0)
    pixels = open_image(encode(Image.fromarray(ramp), "PNG"), path="photo").pixels
    assert np.array_equal(pixels[0, :, 0], ramp[0] >> 8)


def test_signed_values_keep_their_order() -> None:
    ramp = np.linspace(-30000, 30000, 64).astype(np.int32)[None, :].repeat(8, axis=0)
    row = open_image(encode(Image.fromarray(ramp), "TIFF"), path="photo").pixels[0, :, 0]
    assert row[0] == 0
    assert (np.diff(row.astype(int)) >= 0).all()


def test_what_is_transparent_becomes_white() -> None:
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    assert (open_image(encode(clear, "PNG"), path="photo").pixels == 255).all()


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        pixels = open_image(data, path="photo").pixels
        assert pixels[10, 10, 0] > 200
        assert pixels[10, 10, 2] < 50


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_reduced_photo_keeps_the_wanted_side_and_less_than_twice_of_it(kind: str) -> None:
    data = encode(picture(1500, 1000), kind)
    opened = open_image(data, path="photo", long_side_px=300)
    assert 300 <= max(opened.pixels.shape) < 600
    assert (opened.width, opened.height) == (1500, 1000)
    assert opened.scale == pytest.approx(opened.pixels.shape[1] / 1500)


def test_a_photo_is_never_enlarged() -> None:
    assert open_image(encode(picture(), "JPEG"), path="p", long_side_px=4000).scale == 1.0


@pytest.mark.parametrize("size", [(1, 1), (20000, 3), (3, 20000)])
@pytest.mark.parametrize("long_side_px", [None, 256])
def test_thin_and_tiny_photos_are_read(size: tuple[int, int], long_side_px: int | None) -> None:
    opened = open_image(
        encode(Image.new("RGB", size, "red"), "PNG"), path="photo", long_side_px=long_side_px
    )
    assert (opened.width, opened.height) == size
    assert opened.pixels.min(initial=255, where=[True, False, False]) > 200


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"\xff", "only 1 byte"),
        (b"I am a letter, not a picture.\n", "holds text"),
        (bytes(4000), "only zero bytes"),
        (b"8BPS" + bytes(50), "PSD"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (bytes(range(128, 256)) * 5, "no known format"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "JPEG"),
    ],
)
def test_what_is_no_photo_says_what_it_is(data: bytes, words: str) -> None:
    assert words in reason(data)


def test_a_picture_that_only_its_name_tells_is_called_by_its_kind() -> None:
    with pytest.raises(UnreadableImage) as caught:
        open_image(bytes([0, 0, 2, *range(200)]), path="/photos/texture.TGA")
    assert caught.value.reason.startswith("a file of kind TGA by its name; photos are read from")


def test_a_header_that_claims_too_many_pixels_is_refused_before_decoding() -> None:
    header = struct.pack(">IIBBBBB", 65000, 65000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for chunk in (b"IHDR" + header, b"IDAT" + zlib.compress(b"nothing"), b"IEND"):
        length, check = len(chunk) - 4, zlib.crc32(chunk)
        data += struct.pack(">I", length) + chunk + struct.pack(">I", check)
    assert reason(data) == "4225 million pixels, more than the limit of 200 million (max_pixels)"


def test_the_pixel_limit_is_an_option() -> None:
    data = encode(picture(), "PNG")
    assert reason(data, max_pixels=1000) == "38400 pixels, more than the limit of 1000 (max_pixels)"
    assert open_image(data, path="photo", max_pixels=240 * 160).width == 240


@pytest.mark.parametrize("is_progressive", [False, True])
@pytest.mark.parametrize("long_side_px", [None, 100])
def test_a_jpeg_without_its_end_marker_is_used(
    is_progressive: bool, long_side_px: int | None
) -> None:
    data = encode(picture(800, 600), "JPEG", quality=95, progressive=is_progressive)
    whole = open_image(data, path="photo", long_side_px=long_side_px).pixels.astype(int)
    cut = open_image(data[:-2], path="photo", long_side_px=long_side_px).pixels
    assert np.abs(cut - whole).mean() < 1


@pytest.mark.parametrize("percent", [10, 50])
def test_a_jpeg_cut_far_from_its_end_says_how_much_is_there(percent: int) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (600, 800, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), "JPEG")
    said = reason(data[: len(data) * percent // 100])
    assert said.startswith("the file ends too early: only ")
    assert abs(int(said.split("only ")[1].split(" ")[0]) - percent) <= 5


def test_a_progressive_jpeg_cut_in_the_middle_is_not_used() -> None:
    data = encode(picture(800, 600), "JPEG", quality=95, progressive=True)
    assert reason(data[: len(data) // 3]) == "the file ends too early"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF", "HEIF", "AVIF", "BMP"])
def test_other_formats_cut_in_the_middle_are_not_used(kind: str) -> None:
    data = encode(picture(400, 300), kind)
    assert reason(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "HEIF", "AVIF", "BMP"])
def test_damage_of_any_kind_gives_a_picture_or_a_reason(kind: str) -> None:
    random = np.random.default_rng(7)
    whole = np.frombuffer(encode(picture(64, 48), kind), dtype=np.uint8)
    for _ in range(40):
        data = whole.copy()
        places = random.integers(0, min(len(data), 400), 6)
        data[places] = random.integers(0, 256, 6)
        try:
            open_image(data.tobytes(), path="photo", long_side_px=32, max_pixels=100_000)
        except UnreadableImage as error:
            assert error.reason


def test_threads_do_not_disturb_each_other() -> None:
    data = [encode(picture(300 + n, 200), "JPEG") for n in range(4)]
    cut = data[0][: len(data[0]) // 2]

    def open_one(n: int) -> int:
        if n % 5 == 4:
            assert "too early" in reason(cut)
            return -1
        return open_image(data[n % 4], path="photo").width - n % 4

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(open_one, range(60))) == {300, -1}


def test_odd_metadata_prints_nothing() -> None:
    script = (
        "import io, sys; from PIL import Image; "
        "from cluster.vision.photos.images import open_image; "
        "out = io.BytesIO(); Image.new('RGB', (9, 9)).save(out, 'JPEG', "
        r"exif=b'Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12\0\3\xff\xff\xff\xff'); "
        "open_image(out.getvalue(), path='photo')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_the_film_behind_a_motion_photo_is_not_seen() -> None:
    """Motion photos of Google and Samsung are a JPEG with a film behind it in the same file."""
    film = struct.pack(">I", 24) + b"ftypmp42" + bytes(4) + b"isommp42" + bytes(20_000)
    samsung = b"\0\0\x30\x0a\x0e\0\0\0MotionPhoto_Data" + film
    jpeg = encode(picture(), "JPEG")
    plain = make_record_and_image(jpeg, path="photo")[0]
    for trailer in (film, samsung):
        record = make_record_and_image(jpeg + trailer, path="photo")[0]
        assert (record.content, record.phash) == (plain.content, plain.phash)

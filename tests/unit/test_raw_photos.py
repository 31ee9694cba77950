"""A raw photo is read upright from its preview, or developed, or fails with a reason."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from bench.made_raw import TIME, encode, make_dng, take_jpeg
from cluster.core.errors import UnreadableImage
from cluster.vision.photos.images import OpenedImage, open_image
from cluster.vision.readers.quiet_stderr import without_lines_of_libraw
from cluster.vision.relations.fingerprints import make_record_and_image
from tests.waiting import PATIENT_S

SIZE = (960, 640)
TURNS = {
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


def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth picture without symmetry."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    red, green, blue = 40 + 200 * x, 30 + 180 * y, 200 - 150 * x * y
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def stored(orientation: int, size: tuple[int, int] = SIZE) -> Image.Image:
    turn = TURNS[orientation]
    return picture(size) if turn is None else picture(size).transpose(turn)


def opened(data: bytes, *, path: str = "photo", **options: int) -> OpenedImage:
    return open_image(data, path=path, **options)


def reason(data: bytes, *, path: str = "photo", **options: int) -> str:
    with pytest.raises(UnreadableImage) as caught:
        opened(data, path=path, **options)
    return caught.value.reason


def check_like(found: OpenedImage, *, most: float = 2.0) -> None:
    expected = picture().resize(found.pixels.shape[1::-1])
    assert np.abs(found.pixels.astype(float) - np.asarray(expected)).mean() < most


@pytest.mark.parametrize("orientation", TURNS)
def test_a_preview_comes_out_upright(orientation: int) -> None:
    shot = stored(orientation)
    found = opened(make_dng(shot, preview=encode(shot, quality=95), orientation=orientation))
    assert (found.width, found.height, found.orientation) == (*SIZE, orientation)
    assert found.taken_at == datetime(2021, 6, 5, 14, 30, 15)
    check_like(found)


@pytest.mark.parametrize("orientation", TURNS)
def test_a_preview_that_says_its_own_orientation_is_turned_once(orientation: int) -> None:
    """In CR2 and RAF, the preview has an EXIF block of its own."""
    shot, exif = stored(orientation), Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    preview = encode(shot, quality=95, exif=exif)
    found = opened(make_dng(shot, preview=preview, orientation=orientation))
    assert (found.width, found.height) == SIZE
    check_like(found)


def test_a_preview_that_is_upright_already_stays_so() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    preview = encode(picture(), quality=95, exif=exif)
    found = opened(make_dng(stored(6), preview=preview, orientation=6))
    assert (found.width, found.height) == SIZE
    check_like(found)


@pytest.mark.parametrize("orientation", TURNS)
def test_a_raw_photo_without_a_preview_is_developed_upright_in_half_size(orientation: int) -> None:
    found = opened(make_dng(stored(orientation), orientation=orientation))
    assert (found.width, found.height) == (SIZE[0] // 2, SIZE[1] // 2)
    assert found.taken_at == datetime(2021, 6, 5, 14, 30, 15)
    expected = np.asarray(picture().resize(found.pixels.shape[1::-1])).astype(float)
    for channel in (0, 1):  # LibRaw decides exposure and colours, but not where things are.
        seen = found.pixels[:, :, channel].astype(float)
        assert np.corrcoef(seen.ravel(), expected[:, :, channel].ravel())[0, 1] > 0.8


@pytest.mark.parametrize(
    "preview",
    [
        encode(picture((160, 120))),
        encode(picture())[:5000],
        encode(picture())[:700],
    ],
)
def test_a_preview_that_cannot_be_used_is_replaced_by_a_development(preview: bytes) -> None:
    if len(preview) == 700:
        preview = preview[:300] + bytes(400)
    found = opened(make_dng(picture(), preview=preview))
    assert (found.width, found.height) == (SIZE[0] // 2, SIZE[1] // 2)


def test_a_large_preview_is_reduced_as_a_jpeg_is() -> None:
    big = picture((3000, 2000))
    found = opened(make_dng(picture(), preview=encode(big, quality=80)), long_side_px=640)
    assert (found.width, found.height) == (3000, 2000)
    assert found.pixels.shape[1] == 750


def test_a_raw_photo_without_any_picture_says_what_is_wrong() -> None:
    whole = make_dng(picture())
    assert reason(whole[: len(whole) // 2]) == (
        "a raw photo that cannot be shown: it has no preview, and the picture behind it: "
        "the file ends too early"
    )
    small = make_dng(picture(), preview=encode(picture((160, 120))))
    assert "its preview is too small" in reason(small[: len(small) // 2])


def test_a_raw_photo_of_an_unknown_camera_says_so() -> None:
    said = reason(b"FUJIFILMCCD-RAW 0201" + bytes(range(256)) * 20)
    assert said.startswith("a raw photo that cannot be opened: ")


def test_too_many_pixels_are_refused_before_they_are_unpacked() -> None:
    data = make_dng(picture(), claims=(60_000, 60_000))
    assert "3600 million pixels, more than the limit of 200 million" in reason(data)
    whole = make_dng(picture(), preview=encode(picture()))
    assert "614400 pixels, more than the limit of 1000" in reason(whole, max_pixels=1000)


def test_a_tiff_that_only_has_the_name_of_a_raw_photo_is_read_as_a_tiff() -> None:
    found = opened(encode(picture(), "TIFF"), path="/photos/IMG_1.NEF")
    assert (found.width, found.height) == SIZE
    check_like(found, most=0.1)


def test_what_is_in_the_file_counts_not_its_name() -> None:
    assert opened(encode(picture()), path="/photos/IMG_1.NEF").width == SIZE[0]
    assert "no known format" in reason(os.urandom(4000), path="/photos/IMG_1.NEF")


def test_the_time_of_the_exposure_counts_not_that_of_the_editing() -> None:
    preview = take_jpeg(picture(), time=TIME)
    found = opened(make_dng(picture(), preview=preview, time="2024:01:01 00:00:00"))
    assert found.taken_at == datetime(2024, 1, 1)  # Only the raw file's directory was edited.


def test_what_libraw_prints_is_not_seen_and_everything_else_is(
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole = make_dng(picture())
    stop = threading.Event()

    def write_meanwhile() -> None:
        while not stop.wait(0.001):
            os.write(2, b"a line of another thread\n")

    other = threading.Thread(target=write_meanwhile)
    other.start()
    for part in (2, 3, 4):
        reason(whole[: len(whole) // part])
    stop.set()
    other.join(timeout=PATIENT_S)
    os.write(2, b"the last line\n")
    lines = set(capfd.readouterr().err.splitlines())
    assert lines <= {"a line of another thread", "the last line"}
    assert "the last line" in lines


def test_lines_that_two_threads_print_at_once_stay_whole(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def print_lines() -> None:
        for _ in range(2000):
            os.write(2, b"a line of another thread\n")

    with without_lines_of_libraw():
        other = threading.Thread(target=print_lines)
        other.start()
        for _ in range(2000):
            os.write(2, b"unknown file: Unexpected end of file\n")
        other.join(timeout=PATIENT_S)
    assert capfd.readouterr().err.splitlines() == ["a line of another thread"] * 2000


def test_a_raw_photo_is_the_same_photo_when_its_tags_change() -> None:
    shot = picture()
    records = [
        make_record_and_image(make_dng(shot, preview=encode(shot), time=time), path="photo")[0]
        for time in (TIME, "2022:01:01 10:00:00")
    ]
    assert records[0].sha256 != records[1].sha256
    assert records[0].content == records[1].content


def test_libraw_is_not_loaded_where_no_raw_photo_is_met() -> None:
    program = (
        "import sys, cluster.vision.relations.fingerprints as f; f.warm_up_fingerprints();"
        "sys.exit('rawpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_real_raw_photos_are_read(shared_dir: Path) -> None:
    paths = sorted((shared_dir / "photos" / "formats").glob("*.nef"))
    assert paths
    for path in paths:
        found = opened(path.read_bytes(), path=str(path), long_side_px=640)
        assert min(found.width, found.height) >= 400
        assert found.taken_at is not None

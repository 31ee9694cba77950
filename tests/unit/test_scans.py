"""A JPEG with too many scans is refused by its headers; one that only looks like it is read."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from cluster.core.errors import UnreadableImage
from cluster.vision.photos import images
from cluster.vision.photos.images import open_image
from cluster.vision.photos.scans import MAX_SCANS, MAX_SEGMENTS, count_scans
from tests.hostile import END_OF_IMAGE, SCAN, make_many_scans, make_photo

SMALL = 64
NO_LIMIT = 1_000_000
MANY = 10 * MAX_SCANS * SCAN


def count(photo: bytes) -> int:
    return count_scans(photo, at_most=NO_LIMIT)


def add_segment(photo: bytes, marker: int, content: bytes) -> bytes:
    length = (len(content) + 2).to_bytes(2)
    return photo[:2] + bytes([0xFF, marker]) + length + content + photo[2:]


def test_a_photo_of_1500_scans_is_refused_before_anything_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_it(*args: object, **options: object) -> None:
        raise AssertionError("it was given to the decoder")

    monkeypatch.setattr(images.Image, "open", open_it)
    with pytest.raises(UnreadableImage, match="a JPEG of more than 100 scans, which is the limit"):
        open_image(make_many_scans(1500, side_px=SMALL), path="hostile.jpg")


def test_a_photo_of_millions_of_empty_segments_is_refused() -> None:
    """Pillow keeps each segment: 12 MB of them took 2 GB of memory."""
    photo = make_photo(side_px=SMALL)
    padded = photo[:2] + MAX_SEGMENTS * b"\xff\xe5\x00\x02" + photo[2:]
    with pytest.raises(UnreadableImage, match="a JPEG of more than 20,000 segments"):
        open_image(padded, path="hostile.jpg")


def test_a_photo_of_as_many_scans_as_may_be_is_read() -> None:
    photo = make_many_scans(MAX_SCANS, side_px=SMALL)
    assert count(photo) == MAX_SCANS
    assert open_image(photo, path="slow.jpg").width == SMALL
    with pytest.raises(UnreadableImage):
        open_image(make_many_scans(MAX_SCANS + 1, side_px=SMALL), path="hostile.jpg")


@pytest.mark.parametrize(("mode", "scans"), [("L", 6), ("RGB", 10), ("CMYK", 18)])
def test_a_progressive_photo_has_the_scans_that_libjpeg_writes(mode: str, scans: int) -> None:
    assert count(make_photo(side_px=SMALL, is_progressive=True, mode=mode)) == scans
    assert count(make_photo(side_px=SMALL, mode=mode)) == 1


@pytest.mark.parametrize("is_progressive", [False, True])
@pytest.mark.parametrize("marker", [0xE0, 0xE1, 0xE2, 0xFE])
def test_what_lies_within_a_segment_is_no_scan(marker: int, is_progressive: bool) -> None:
    """EXIF holds a thumbnail, MPF a second picture, and a comment holds anything."""
    photo = make_photo(side_px=SMALL, is_progressive=is_progressive)
    larger = add_segment(photo, marker, MANY)
    assert count(larger) == count(photo)
    assert open_image(larger, path="good.jpg").width == SMALL


@pytest.mark.parametrize("is_progressive", [False, True])
def test_what_follows_the_picture_is_no_scan(is_progressive: bool) -> None:
    """Telephones append a film or a second picture."""
    photo = make_photo(side_px=SMALL, is_progressive=is_progressive) + MANY
    assert count(photo) <= MAX_SCANS
    assert open_image(photo, path="good.jpg").width == SMALL


def test_pixels_that_look_like_markers_are_no_scans() -> None:
    photo = make_photo(side_px=SMALL, is_progressive=True)
    stuffed = photo.removesuffix(END_OF_IMAGE) + 1000 * b"\xff\x00\xda\xff\xd0" + END_OF_IMAGE
    assert count(stuffed) == count(photo)


def test_scans_are_counted_behind_fill_bytes_too() -> None:
    """A marker may be preceded by any number of bytes FF (ITU-T T.81, B.1.1.2)."""
    photo = make_many_scans(1500, side_px=SMALL)
    assert count(photo.replace(SCAN, b"\xff\xff\xff" + SCAN)) == 1500


@pytest.mark.parametrize("marker", [0x01, *range(0xD0, 0xD8)])
def test_scans_are_not_hidden_behind_a_marker_without_length(marker: int) -> None:
    """The bytes after such a marker are not a length, even if they look like one."""
    photo = make_many_scans(1500, side_px=SMALL)
    assert count(photo.replace(SCAN, bytes([0xFF, marker, 0x7F, 0x7F]) + SCAN)) == 1500


def test_a_sequential_photo_with_its_components_apart_is_counted_to_its_end() -> None:
    """A decoder decodes all scans of such a photo, like those of a progressive one."""
    photo = make_photo(side_px=SMALL, mode="RGB")
    start = photo.rindex(SCAN)
    of_one = SCAN + b"\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(4)
    assert count(photo[:start] + 1500 * of_one + END_OF_IMAGE) == 1500


def test_pieces_of_a_jpeg_are_counted_without_an_error() -> None:
    photo = make_photo(side_px=SMALL, is_progressive=True)
    assert [count(photo[:length]) <= 6 for length in range(len(photo))] == [True] * len(photo)


def test_a_second_picture_in_the_file_is_counted_by_itself() -> None:
    out = io.BytesIO()
    picture = Image.new("L", (SMALL, SMALL))
    picture.save(out, "MPO", save_all=True, append_images=[picture], progressive=True)
    assert count(out.getvalue()) <= 6
    assert open_image(out.getvalue(), path="two.mpo").width == SMALL

"""Blocks are means over the whole photo, however it was decoded, and turn with it."""

from __future__ import annotations

import io
from pathlib import Path

import insightface
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from cluster.core.pictures.placements import invert_turn
from cluster.core.pictures.same_picture import BLOCKS_BYTES, LUMA_BYTES, LUMA_GRID, are_blocks_same
from cluster.vision.photos.images import UPRIGHT_BY, open_image
from cluster.vision.relations.fingerprints import measure_blocks
from cluster.vision.relations.picture_blocks import turn_blocks
from cluster.vision.relations.turning import turn_pixels

GROUP_PHOTO = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"
SIDES = (1200, 1200)


def measure(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    image = open_image(out.getvalue(), path="picture", long_side_px=640)
    return measure_blocks(image)


def find_largest(one: bytes, other: bytes) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def group_photo(width: int, height: int) -> Image.Image:
    return Image.open(GROUP_PHOTO).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def test_an_even_picture_has_even_blocks() -> None:
    blocks = measure(Image.new("RGB", (1000, 700), (255, 255, 255)))
    assert blocks == bytes([255] * LUMA_BYTES + [128] * (BLOCKS_BYTES - LUMA_BYTES))


def test_blocks_lie_where_the_picture_is_bright() -> None:
    pixels = np.zeros((960, 1440, 3), np.uint8)
    pixels[:240, 720:] = 255
    luma = np.frombuffer(measure(Image.fromarray(pixels))[:LUMA_BYTES], np.uint8)
    bright = luma.reshape(LUMA_GRID, LUMA_GRID) > 127
    assert bright[:12, 24:].all()
    assert bright.sum() == 12 * 24


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (50, 3), (2000, 7), (641, 480), (1537, 1023)])
def test_a_photo_of_any_size_has_blocks(size: tuple[int, int]) -> None:
    blocks = measure(Image.new("RGB", size, (200, 30, 30)))
    assert len(blocks) == BLOCKS_BYTES
    assert len({*blocks[:LUMA_BYTES]}) == 1


@pytest.mark.parametrize("size", [(1280, 886), (1281, 887), (1535, 1025), (2047, 1361)])
@pytest.mark.parametrize("turn", range(1, 9))
def test_what_exif_turns_has_the_blocks_of_the_turned_pixels(
    size: tuple[int, int], turn: int
) -> None:
    """If the decoder's scale does not divide the size, one edge has a fraction of a pixel."""
    upright = group_photo(*size)
    stored = upright if turn == 1 else upright.transpose(UPRIGHT_BY[invert_turn(turn)])
    exif = Image.Exif()
    exif[0x0112] = turn
    blocks = measure(stored, "JPEG", quality=95, exif=exif)
    assert find_largest(blocks, measure(upright, "JPEG", quality=95)) <= 2


@pytest.mark.parametrize("turn", range(1, 9))
def test_blocks_turn_as_pixels_do(turn: int) -> None:
    pixels = astronaut()[:400, :300]
    turned = np.ascontiguousarray(turn_pixels(pixels, turn))
    blocks = turn_blocks(measure(Image.fromarray(pixels)), turn)
    assert find_largest(blocks, measure(Image.fromarray(turned))) <= 1


@pytest.mark.parametrize("long_side", [640, 900, 1201, 2001])
def test_a_copy_of_another_size_has_the_same_blocks(long_side: int) -> None:
    copy = group_photo(long_side, long_side * 886 // 1280)
    original = measure(group_photo(1280, 886))
    assert are_blocks_same(original, measure(copy, "JPEG", quality=80), long_sides=SIDES)


def test_a_small_head_changes_some_block() -> None:
    place = group_photo(1200, 831)
    faces = [Image.open(GROUP_PHOTO).crop((x, 280, x + 100, 400)) for x in (240, 620)]
    photos = []
    for face in faces:
        photo = place.copy()
        photo.paste(face.resize((60, 72)), (1000, 40))
        photos.append(measure(photo, "JPEG", quality=90))
    assert not are_blocks_same(*photos, long_sides=SIDES)


def test_what_has_another_length_proves_nothing() -> None:
    assert not are_blocks_same(b"", b"", long_sides=SIDES)
    assert not are_blocks_same(bytes(10), bytes(10), long_sides=SIDES)

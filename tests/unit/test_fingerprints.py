"""One small decode gives everything that training stores; the hashes equal imagehash's."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import imagehash
import insightface
import numpy as np
import pytest
from PIL import Image

from cluster.core.errors import UnreadableImage
from cluster.core.pictures.same_picture import BLOCKS_BYTES
from cluster.vision.photos.images import OpenedImage, open_image
from cluster.vision.relations.fingerprints import fingerprint, make_thumbnail, read_record

GROUP_PHOTO = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"


@pytest.fixture(scope="module")
def opened() -> OpenedImage:
    return open_image(GROUP_PHOTO.read_bytes(), path="t1.jpg", long_side_px=384)


def test_the_hashes_are_imagehashs_own_of_the_opened_picture(opened: OpenedImage) -> None:
    picture = Image.fromarray(opened.pixels)
    phash, dhash = fingerprint(opened)
    assert f"{phash:016x}" == str(imagehash.phash(picture))
    assert f"{dhash:064x}" == str(imagehash.dhash(picture, hash_size=16))


def test_a_record_tells_bytes_size_and_picture(opened: OpenedImage) -> None:
    record = read_record(str(GROUP_PHOTO))
    assert record.sha256 == hashlib.sha256(GROUP_PHOTO.read_bytes()).digest()
    assert (record.width, record.height) == (1280, 886)
    assert (record.phash, record.dhash) == fingerprint(opened)
    assert len(record.content) == 32
    assert len(record.blocks) == BLOCKS_BYTES
    assert record.orientation == 1


def test_a_thumbnail_is_a_small_jpeg(opened: OpenedImage) -> None:
    thumbnail = make_thumbnail(opened)
    with Image.open(io.BytesIO(thumbnail)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 177))
    assert len(thumbnail) < 30_000


def test_a_thumbnail_of_a_small_photo_is_not_larger_than_the_photo() -> None:
    image = OpenedImage(np.zeros((3, 50, 3), dtype=np.uint8), 50, 3)
    with Image.open(io.BytesIO(make_thumbnail(image))) as thumbnail:
        assert thumbnail.size == (50, 3)


@pytest.mark.parametrize(("share", "quality"), [(0.5, 85), (0.7, 90), (1.0, 75)])
def test_a_rescaled_copy_has_the_same_phash_and_nearly_the_same_dhash(
    tmp_path: Path, share: float, quality: int
) -> None:
    with Image.open(GROUP_PHOTO) as image:
        size = (round(image.width * share), round(image.height * share))
        image.resize(size).save(tmp_path / "copy.jpg", quality=quality)
    original, copy = read_record(str(GROUP_PHOTO)), read_record(str(tmp_path / "copy.jpg"))
    assert copy.phash == original.phash
    assert (copy.dhash ^ original.dhash).bit_count() <= 8


def test_a_photo_that_cannot_be_read_has_no_record(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("Dear reader, this is a letter.")
    with pytest.raises(UnreadableImage, match="holds text"):
        read_record(str(tmp_path / "letter.jpg"))

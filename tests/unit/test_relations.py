"""How a new picture relates to an old one, of which a thumbnail and fingerprints are left."""

from __future__ import annotations

import io
from pathlib import Path

import insightface
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from skimage.data import astronaut, chelsea

from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.placements import Likeness, OldPicture, Relation
from cluster.vision.photos.images import UPRIGHT_BY, open_image
from cluster.vision.relations.fingerprints import make_record
from cluster.vision.relations.relate import relate

GROUP_PHOTO = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"
FACE = BoundingBox(600, 300, 700, 420)


def encode(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def keep(data: bytes) -> OldPicture:
    record = make_record(data, open_image(data, path="old", long_side_px=640))
    return OldPicture(
        record.thumbnail,
        record.width,
        record.height,
        record.phash,
        record.dhash,
        record.blocks,
    )


def find_relation(old: OldPicture, data: bytes) -> Relation:
    return relate(old, open_image(data, path="new", long_side_px=640))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.open(GROUP_PHOTO).convert("RGB")


@pytest.fixture(scope="module")
def old() -> OldPicture:
    return keep(GROUP_PHOTO.read_bytes())


def assert_near(box: BoundingBox, other: BoundingBox) -> None:
    assert box.overlap(other) > 0.9, (box, other)


@pytest.mark.parametrize("turn", range(1, 9))
def test_turned_pixels_are_equal(picture: Image.Image, old: OldPicture, turn: int) -> None:
    turned = picture if turn == 1 else picture.transpose(UPRIGHT_BY[turn])
    relation = find_relation(old, encode(turned, "PNG", compress_level=1))
    assert (relation.likeness, relation.turn) == (Likeness.EQUAL, turn)
    assert relation.placement is not None
    mask = Image.new("L", picture.size, 0)
    mask.paste(255, (600, 300, 700, 420))
    placed = mask if turn == 1 else mask.transpose(UPRIGHT_BY[turn])
    assert relation.placement.place_box(FACE) == BoundingBox(*placed.getbbox())  # type: ignore[misc]


def test_a_smaller_copy_is_the_same(picture: Image.Image, old: OldPicture) -> None:
    relation = find_relation(old, encode(picture.resize((640, 443)), quality=85))
    assert (relation.likeness, relation.turn) == (Likeness.SAME, 1)
    assert relation.placement is not None
    assert_near(relation.placement.place_box(FACE), FACE.scaled(0.5))


def test_a_turned_and_smaller_copy_is_the_same(picture: Image.Image, old: OldPicture) -> None:
    small = picture.transpose(Image.Transpose.ROTATE_270).resize((443, 640))
    relation = find_relation(old, encode(small, quality=85))
    assert (relation.likeness, relation.turn) == (Likeness.SAME, 6)


def test_a_crop_is_a_part(picture: Image.Image, old: OldPicture) -> None:
    relation = find_relation(old, encode(picture.crop((400, 150, 1140, 660)), quality=85))
    assert relation.likeness is Likeness.PART
    assert relation.placement is not None
    assert_near(relation.placement.place_box(FACE), BoundingBox(200, 150, 300, 270))


def test_an_enlarged_crop_is_a_part(picture: Image.Image, old: OldPicture) -> None:
    crop = picture.crop((400, 150, 1140, 660)).resize((1480, 1020))
    relation = find_relation(old, encode(crop, quality=85))
    assert relation.likeness is Likeness.PART
    assert relation.placement is not None
    assert_near(relation.placement.place_box(FACE), BoundingBox(400, 300, 600, 540))


EDITS = {
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "harder": lambda picture: ImageEnhance.Contrast(picture).enhance(1.3),
    "black and white": lambda picture: picture.convert("L").convert("RGB"),
    "framed": lambda picture: ImageOps.expand(picture, 40, "white"),
    "straightened": lambda picture: picture.rotate(3, Image.Resampling.BICUBIC).crop(
        (60, 80, 1220, 806)
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_picture_is_a_part(picture: Image.Image, old: OldPicture, edit: str) -> None:
    relation = find_relation(old, encode(EDITS[edit](picture), quality=90))
    assert relation.likeness in (Likeness.PART, Likeness.SAME)
    assert relation.placement is not None


def put_head(place: Image.Image, head: Image.Image) -> bytes:
    photo = place.copy()
    photo.paste(head.resize((70, 90)), (900, 60))
    return encode(photo, quality=90)


def test_another_head_before_the_same_camera_is_another_picture(picture: Image.Image) -> None:
    one = put_head(picture, Image.fromarray(astronaut()[20:200, 160:300]))
    other = put_head(picture, picture.crop((200, 150, 270, 240)))
    assert find_relation(keep(one), other) == Relation(Likeness.OTHER, None)


def test_a_camera_that_moves_a_little_sees_another_picture_too(picture: Image.Image) -> None:
    one = put_head(picture, Image.fromarray(astronaut()[20:200, 160:300]))
    other = Image.open(io.BytesIO(put_head(picture, picture.crop((200, 150, 270, 240)))))
    moved = encode(other.crop((30, 20, 1280, 886)), quality=90)
    assert find_relation(keep(one), moved).likeness is Likeness.OTHER


@pytest.mark.parametrize(
    "pixels", [chelsea(), np.zeros((300, 400, 3), np.uint8), np.full((1, 1, 3), 9, np.uint8)]
)
def test_a_different_picture_is_another_one(old: OldPicture, pixels: np.ndarray) -> None:
    data = encode(Image.fromarray(pixels))
    assert find_relation(old, data) == Relation(Likeness.OTHER, None)
    assert find_relation(keep(data), GROUP_PHOTO.read_bytes()).likeness is Likeness.OTHER


def test_an_old_picture_without_blocks_is_still_found(
    picture: Image.Image, old: OldPicture
) -> None:
    unknown = OldPicture(old.thumbnail, old.width, old.height, old.phash, old.dhash, b"")
    assert find_relation(unknown, encode(picture.crop((100, 80, 1200, 800)))).likeness is (
        Likeness.PART
    )

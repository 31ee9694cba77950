"""The smallest face that is found is the same for photos of every shape."""

from __future__ import annotations

from pathlib import Path

import insightface
import numpy as np
import pytest
from PIL import Image

from cluster.core.identity.faces import BoundingBox, Face
from cluster.vision.packs.detector import FaceDetector, load_detector
from cluster.vision.packs.pack_files import resolve_pack
from cluster.vision.packs.strips import (
    MAX_STRIPS,
    MOST_ASPECT,
    choose_faces,
    cut_strip,
    plan_strips,
)
from cluster.vision.photos.images import OpenedImage

GROUP_PHOTO = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"
ORDINARY = [(1600, 1200), (1200, 1600), (1920, 1080), (1000, 1000), (2400, 1080), (2520, 1080)]
LONG = [(4000, 800), (800, 4000), (12000, 1500), (1080, 20000), (2600, 1000), (20000, 100)]
SMALLEST = {"bundled": 1 / 12, "buffalo_s_standin": 1 / 20}
"""From README: the shorter side of a face as a share of the longer side of the photo."""

PACKS = [pytest.param("bundled", marks=pytest.mark.long), "buffalo_s_standin"]


@pytest.fixture(scope="module", params=PACKS)
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    if request.param == "bundled":
        return load_detector(resolve_pack("bundled"))
    shared: Path = request.getfixturevalue("shared_dir")
    return load_detector(resolve_pack(str(shared / "models" / request.param)))


def find(detector: FaceDetector, picture: Image.Image, folder: Path) -> tuple[Face, ...]:
    picture.save(folder / "photo.png", compress_level=1)
    (faces,) = detector.detect([detector.prepare(str(folder / "photo.png"))])
    return faces


def paste_faces(detector: FaceDetector, size: tuple[int, int], places: list[float]) -> Image.Image:
    """Return a plain picture with the best face of the group photo, in README's smallest size."""
    (faces,) = detector.detect([detector.prepare(str(GROUP_PHOTO))])
    box = max(faces, key=lambda face: face.score).box
    margin = 0.6 * max(box.width, box.height)
    with Image.open(GROUP_PHOTO) as group:
        head = group.convert("RGB").crop(
            (
                int(box.left - margin),
                int(box.top - margin),
                int(box.right + margin),
                int(box.bottom + margin),
            )
        )
    long, short = max(size), min(size)
    unit = long if long <= MOST_ASPECT * short else 4 / 3 * short
    name = Path(detector.pack.folder).name
    scale = unit * SMALLEST.get(name, SMALLEST["bundled"]) / min(box.width, box.height)
    head = head.resize((round(head.width * scale), round(head.height * scale)))
    picture = Image.new("RGB", size, (120, 130, 110))
    for place in places:
        across = place if size[0] >= size[1] else 0.5
        down = 0.5 if size[0] >= size[1] else place
        at = round(size[0] * across - head.width / 2), round(size[1] * down - head.height / 2)
        picture.paste(head, at)
    return picture


@pytest.mark.parametrize("size", [(1600, 1200), (2400, 480), (480, 2400)])
def test_the_smallest_face_is_found_whatever_the_shape_of_the_photo(
    detector: FaceDetector, size: tuple[int, int], tmp_path: Path
) -> None:
    places = [0.08, 0.31, 0.63, 0.9]
    faces = find(detector, paste_faces(detector, size, places), tmp_path)
    assert len(faces) == len(places)
    for place in places:
        x, y = (place, 0.5) if size[0] > size[1] else (0.5, place)
        assert any(holds(face.box, size[0] * x, size[1] * y) for face in faces)


def holds(box: BoundingBox, x: float, y: float) -> bool:
    return box.left < x < box.right and box.top < y < box.bottom


def test_a_panorama_shows_no_face_twice_however_large(
    detector: FaceDetector, tmp_path: Path
) -> None:
    with Image.open(GROUP_PHOTO) as group:
        one = group.convert("RGB").resize((group.width // 2, group.height // 2))
    alone = find(detector, one, tmp_path)
    picture = Image.new("RGB", (one.width * 5, one.height), (120, 130, 110))
    starts = (0, round(1.6 * one.width), round(3.2 * one.width))
    for start in starts:
        picture.paste(one, (start, 0))
    found = find(detector, picture, tmp_path)
    for start in starts:
        for face in alone:
            same = [one for one in found if one.box.overlap(face.box.moved_by(start, 0)) > 0.4]
            assert len(same) == 1
    scores = [face.score for face in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("size", ORDINARY)
def test_an_ordinary_photo_is_searched_as_a_whole(size: tuple[int, int]) -> None:
    assert plan_strips(*size) == ()


@pytest.mark.parametrize("size", LONG)
def test_strips_cover_a_long_photo_and_each_place_has_one_that_answers(
    size: tuple[int, int],
) -> None:
    strips = plan_strips(*size)
    assert 1 < len(strips) <= MAX_STRIPS
    long, is_down = max(size), size[1] > size[0]
    assert (strips[0].start, round(strips[-1].end)) == (0, long)
    assert all(strip.is_down == is_down for strip in strips)
    for at in np.linspace(0, long, 500):
        box = np.array([[0, at, 9, at] if is_down else [at, 0, at, 9]], np.float32)
        answering = [strip for strip in strips if strip.holds(box)[0]]
        assert 1 <= len(answering) <= 2
        assert all(strip.start - 1 <= at <= strip.end + 1 for strip in answering)


@pytest.mark.parametrize("size", [(100_000, 39), (3, 20_000), (1, 1)])
def test_a_photo_too_thin_for_faces_has_no_strips(size: tuple[int, int]) -> None:
    assert plan_strips(*size) == ()


@pytest.mark.parametrize("size", [(4000, 800), (800, 4000)])
@pytest.mark.parametrize("scale", [1, 0.25, 0.3])
def test_a_strip_is_a_photo_of_its_own_at_its_place(size: tuple[int, int], scale: float) -> None:
    rows, columns = round(size[1] * scale), round(size[0] * scale)
    down, across = np.mgrid[:rows, :columns]
    pixels = np.stack([across % 251, down % 251, across * 0], axis=2).astype(np.uint8)
    image = OpenedImage(pixels, *size)
    for strip in plan_strips(*size):
        part, (left, top) = cut_strip(image, strip)
        assert part.pixels[0, 0].tolist() == [left % 251, top % 251, 0]
        assert part.scale == pytest.approx(image.scale, rel=0.01)
        assert min(part.width, part.height) == 800


def test_of_a_face_that_two_looks_show_the_strips_is_kept() -> None:
    boxes = np.array(
        [[0, 0, 10, 10], [1, 0, 11, 10], [1, 1, 10, 10], [50, 0, 60, 10], [90, 0, 95, 10]],
        np.float32,
    )
    scores = np.array([0.9, 0.6, 0.8, 0.5, 0.7], np.float32)
    assert choose_faces(boxes, scores, np.array([0, 1, 2, 0, 1])) == [2, 4, 3]
    assert choose_faces(boxes[:0], scores[:0], np.zeros(0, np.int64)) == []

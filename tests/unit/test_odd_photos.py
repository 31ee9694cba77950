"""Every odd file of the shared photographs gives the right faces or a reason for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.core.errors import UnreadableImage
from cluster.core.identity.faces import BoundingBox
from cluster.vision.packs.detector import FaceDetector, load_detector
from cluster.vision.packs.pack_files import resolve_pack
from cluster.vision.relations.fingerprints import read_record

FAILS = {
    "bomb_20000x20000_rgb.png": "400 million pixels, more than the limit",
    "bomb_30000x30000_1bit.png": "900 million pixels, more than the limit",
    "header_only_65000x65000.png": "4225 million pixels, more than the limit",
    "jpeg_sof_lies_65000x65000.jpg": "4225 million pixels, more than the limit",
    "one_byte.jpg": "not a photo",
    "only_soi.jpg": "not a photo",
    "random_bytes.jpg": "not a photo",
    "text_as_jpg.jpg": "the file holds text",
    "truncated_10pct.jpg": "the file ends too early: only 11 %",
    "truncated_50pct.jpg": "the file ends too early: only 51 %",
    "zero_byte.jpg": "the file is empty",
}

SHIFTED = {"bitflips.jpg"}
"""The damage shifts the rest of the picture: a face is found, but at another place."""

WITHOUT_FACE = {
    "flat_grey_no_face.jpg",
    "one_pixel.png",
    "very_tall_3x20000.png",
    "very_wide_20000x3.png",
}

TURNED_SIZE = (1000, 800)
"""The photos of the eight orientations show the same upright picture of this size."""


@pytest.fixture(scope="module")
def detector(shared_dir: Path) -> FaceDetector:
    return load_detector(resolve_pack(str(shared_dir / "models" / "buffalo_s_standin")))


def find_boxes(detector: FaceDetector, path: Path) -> list[BoundingBox]:
    (faces,) = detector.detect([detector.prepare(str(path))])
    return [face.box for face in faces]


@pytest.mark.long
def test_every_made_file_shows_its_faces_or_says_why_not(
    shared_dir: Path, detector: FaceDetector
) -> None:
    folder = shared_dir / "photos" / "odd" / "made"
    expected = find_boxes(detector, folder / "face_original_reference.jpg")
    wrong = {}
    for path in sorted(folder.iterdir()):
        try:
            record = read_record(str(path))
        except UnreadableImage as error:
            if FAILS.get(path.name, "nothing") not in error.reason:
                wrong[path.name] = error.reason
            continue
        found = find_boxes(detector, path)
        if path.name in FAILS or bool(found) == (path.name in WITHOUT_FACE):
            wrong[path.name] = f"{len(found)} faces"
        elif path.name not in SHIFTED | WITHOUT_FACE and record.width == record.height:
            scale = record.width / 1000
            if not all(shows(found, box.scaled(scale)) for box in expected):
                wrong[path.name] = f"other faces: {found}"
    assert not wrong


def shows(found: list[BoundingBox], box: BoundingBox) -> bool:
    return max(box.overlap(other) for other in found) > 0.8


def test_all_eight_orientations_show_the_same_faces(
    shared_dir: Path, detector: FaceDetector
) -> None:
    folder = shared_dir / "photos" / "odd" / "made"
    boxes = [find_boxes(detector, folder / f"face_orientation_{n}.jpg") for n in range(1, 9)]
    for found in boxes:
        assert len(found) == len(boxes[0])
        assert all(shows(found, box) for box in boxes[0])
    record = read_record(str(folder / "face_orientation_6.jpg"))
    assert (record.width, record.height) == TURNED_SIZE


@pytest.mark.long
def test_no_odd_file_raises_anything_else(shared_dir: Path, detector: FaceDetector) -> None:
    reasons = {}
    for path in sorted((shared_dir / "photos" / "odd").rglob("*")):
        if not path.is_file():
            continue
        try:
            read_record(str(path))
            find_boxes(detector, path)
        except UnreadableImage as error:
            reasons[path.name] = error.reason
    assert all(reasons.values())
    assert 25 < len(reasons) < 60

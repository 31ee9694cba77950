"""Turning a picture changes neither the quality of a face nor its person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from cluster.core.identity.faces import Face
from cluster.vision.packs.detector import DetectorOptions, FaceDetector, load_detector
from cluster.vision.packs.pack_files import resolve_pack
from cluster.vision.packs.upright_looks import find_tilt

TURNS = (20, 40, 90, 270)
"""Upside down, the detector does not find this face."""


@pytest.fixture(scope="module")
def detector(shared_dir: Path) -> FaceDetector:
    pack = resolve_pack(str(shared_dir / "models" / "buffalo_s_standin"))
    return load_detector(pack, DetectorOptions(provider="cpu"))


def find_largest(detector: FaceDetector, turn: int, folder: Path) -> Face:
    file = folder / f"{turn}.png"
    astronaut = Image.fromarray(skimage.data.astronaut())
    astronaut.rotate(turn, expand=True, resample=Image.Resampling.BICUBIC).save(file)
    [faces] = detector.detect([detector.prepare(str(file))])
    return max(faces, key=lambda face: face.box.area)


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_face_has_the_quality_and_the_vector_of_the_upright_one(
    detector: FaceDetector, turn: int, tmp_path: Path
) -> None:
    upright, turned = (find_largest(detector, degrees, tmp_path) for degrees in (0, turn))
    assert abs(turned.quality - upright.quality) < 0.1
    vectors = [np.frombuffer(face.embedding, "<f4") for face in (upright, turned)]
    assert vectors[0] @ vectors[1] > 0.9
    tilt = find_tilt(np.array(turned.landmarks, dtype=np.float32))
    assert abs((tilt + turn + 180) % 360 - 180) < 15, "the picture is turned anticlockwise"


def test_an_upright_face_is_left_as_insightface_finds_it(
    detector: FaceDetector, shared_dir: Path, tmp_path: Path
) -> None:
    pack = resolve_pack(str(shared_dir / "models" / "buffalo_s_standin"))
    plain = load_detector(pack, DetectorOptions(provider="cpu", straighten=False))
    assert find_largest(detector, 0, tmp_path) == find_largest(plain, 0, tmp_path)

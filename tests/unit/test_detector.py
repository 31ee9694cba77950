"""The faces are those that InsightFace finds, in pixels of the full-size photo."""

from __future__ import annotations

import io
import itertools
import warnings
from dataclasses import replace
from pathlib import Path

import cv2
import insightface
import numpy as np
import pytest
from insightface.app import FaceAnalysis
from PIL import ExifTags, Image, ImageCms, ImageOps

from cluster.core.errors import UnreachableImage
from cluster.core.identity.faces import BoundingBox, Face
from cluster.vision.packs.detector import (
    INSIGHTFACE_SIZES,
    DetectorOptions,
    FaceDetector,
    choose_provider,
    load_detector,
)
from cluster.vision.packs.insightface_pack import InsightFaceDetector
from cluster.vision.packs.mean_face import MEAN_FACE
from cluster.vision.packs.pack_files import resolve_pack
from tests.unit.tiny_packs import write_tiny_pack

GROUP_PHOTO = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"
AS_INSIGHTFACE = DetectorOptions(
    min_size_px=0,
    sizes=INSIGHTFACE_SIZES,
    decode_long_side_px=None,
    provider="cpu",
    straighten=False,
)


@pytest.fixture(scope="module")
def pack_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture(scope="module")
def tiny(pack_dir: Path) -> FaceDetector:
    return load_detector(resolve_pack(str(pack_dir)), DetectorOptions(provider="cpu"))


@pytest.fixture(scope="module")
def bundled() -> FaceDetector:
    return load_detector(resolve_pack("bundled"))


def find(detector: FaceDetector, *paths: Path) -> list[tuple[Face, ...]]:
    return detector.detect([detector.prepare(str(path)) for path in paths])


def vector(face: Face) -> np.ndarray:
    return np.frombuffer(face.embedding, dtype="<f4")


def read_as_shown(path: Path) -> np.ndarray:
    """A photo as OpenCV reads it, (height, width, 3) of BGR, in the colours of its profile."""
    with Image.open(path) as image:
        profile = image.info.get("icc_profile")
        if profile is None or image.mode != "RGB":
            return np.asarray(cv2.imread(str(path)))
        own, shown = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(ImageOps.exif_transpose(image), own, shown)
    assert converted is not None
    return np.asarray(converted)[:, :, ::-1]


def assert_equals_insightface(pack: str, paths: list[Path]) -> None:
    """Check an IoU >= 0.9 for >= 99 % of the faces, and a cosine >= 0.999 for each of these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app = FaceAnalysis(name=pack, providers=["CPUExecutionProvider"])
        app.prepare(ctx_id=-1)
        expected = [app.get(read_as_shown(path)) for path in paths]
    found = find(load_detector(resolve_pack(pack), AS_INSIGHTFACE), *paths)
    pairs = [
        max(
            ((wanted.overlap(face.box), face, theirs) for face in faces),
            key=lambda pair: pair[0],
            default=(0.0, None, theirs),
        )
        for some, faces in zip(expected, found, strict=True)
        for theirs in some
        for wanted in [BoundingBox(*map(float, theirs.bbox))]
    ]
    same = [pair for pair in pairs if pair[0] >= 0.9]
    assert len(pairs) >= 5
    assert len(same) >= 0.99 * len(pairs)
    assert sum(map(len, found)) <= 1.01 * len(pairs)
    assert min(float(vector(face) @ theirs.normed_embedding) for _, face, theirs in same) >= 0.999


def test_faces_equal_those_of_insightface(pack_dir: Path) -> None:
    assert_equals_insightface(str(pack_dir), [GROUP_PHOTO])


@pytest.mark.long
def test_faces_of_real_models_equal_those_of_insightface(shared_dir: Path) -> None:
    photos = shared_dir / "photos"
    people = sorted((photos / "people").rglob("*.jpg"))
    paths = [*sorted((photos / "group").rglob("*.jpg")), *people[:: len(people) // 200][:200]]
    assert_equals_insightface(str(shared_dir / "models" / "buffalo_s_standin"), paths)


@pytest.mark.long
def test_the_automatic_sizes_lose_no_face_of_insightfaces_own(shared_dir: Path) -> None:
    pack = resolve_pack(str(shared_dir / "models" / "buffalo_s_standin"))
    photos = sorted((shared_dir / "photos" / "people" / "lfw").rglob("*.jpg"))[::40]
    photos += sorted((shared_dir / "photos" / "group").rglob("*.jpg"))
    ours = find(load_detector(pack), *photos)
    theirs = find(load_detector(pack, replace(AS_INSIGHTFACE, min_size_px=20)), *photos)
    overlaps = [
        max((face.box.overlap(other.box) for other in found), default=0.0)
        for wanted, found in zip(theirs, ours, strict=True)
        for face in wanted
    ]
    assert sum(overlap >= 0.5 for overlap in overlaps) >= 0.99 * len(overlaps)


def test_a_batch_gives_what_photo_by_photo_gives(tiny: FaceDetector, tmp_path: Path) -> None:
    paths = [GROUP_PHOTO]
    for side in (150, 200, 900):
        paths.append(tmp_path / f"{side}.jpg")
        with Image.open(GROUP_PHOTO) as image:
            image.crop((0, 0, side, side)).save(paths[-1], quality=95)
    together = find(tiny, *paths)
    alone = [find(tiny, path)[0] for path in paths]
    assert sum(map(len, together)) > 0
    for one, other in zip(together, alone, strict=True):
        assert [face.box for face in one] == [face.box for face in other]
        for face, same in zip(one, other, strict=True):
            assert np.allclose(vector(face), vector(same), atol=1e-4)


def test_several_photos_in_one_run_of_the_model_keep_their_own_faces(
    pack_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Image.open(GROUP_PHOTO) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "b.jpg", quality=95)
    detector = load_detector(resolve_pack(str(pack_dir)), AS_INSIGHTFACE)
    assert isinstance(detector, InsightFaceDetector)
    alone = [find(detector, path)[0] for path in (GROUP_PHOTO, tmp_path / "b.jpg")]
    monkeypatch.setattr(detector, "photos_at_once", 8)
    together = find(detector, GROUP_PHOTO, tmp_path / "b.jpg", GROUP_PHOTO)
    for faces, expected in zip(together, [*alone, alone[0]], strict=True):
        assert len(faces) == len(expected)
        for face, same in zip(faces, expected, strict=True):
            assert face.box.overlap(same.box) > 0.99


@pytest.mark.long
def test_a_batch_of_real_photos_gives_what_one_by_one_gives(shared_dir: Path) -> None:
    pack = resolve_pack(str(shared_dir / "models" / "buffalo_s_standin"))
    folders = (shared_dir / "photos" / "group", shared_dir / "photos" / "people")
    photos = [photo for folder in folders for photo in sorted(folder.rglob("*.jpg"))[:16]]
    alone = find(load_detector(pack, DetectorOptions(batch=1)), *photos)
    together = find(load_detector(pack, DetectorOptions(batch=8)), *photos)
    assert [len(faces) for faces in together] == [len(faces) for faces in alone]
    for one, other in zip(itertools.chain(*alone), itertools.chain(*together), strict=True):
        assert np.allclose(sides(one), sides(other), atol=0.5)
        assert one.score == pytest.approx(other.score, abs=1e-3)
        assert np.allclose(vector(one), vector(other), atol=1e-3)


def sides(face: Face) -> tuple[float, ...]:
    return (face.box.left, face.box.top, face.box.right, face.box.bottom)


def test_boxes_are_in_pixels_of_the_upright_full_size_photo(
    tiny: FaceDetector, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(GROUP_PHOTO) as image:
        large = image.resize((2560, 1772))
        large.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "l.jpg", quality=95, exif=exif)
        large.save(tmp_path / "u.jpg", quality=95)
    turned, upright = find(tiny, tmp_path / "l.jpg", tmp_path / "u.jpg")
    assert upright
    assert max(face.box.right for face in upright) > 1280
    assert max(face.box.overlap(upright[0].box) for face in turned) > 0.9


def test_a_face_has_a_unit_embedding_and_a_crop_of_160_pixels(tiny: FaceDetector) -> None:
    (faces,) = find(tiny, GROUP_PHOTO)
    for face in faces:
        assert vector(face).shape == (512,)
        assert np.linalg.norm(vector(face)) == pytest.approx(1, abs=1e-5)
        assert len(face.landmarks) == 5
        assert 0 <= face.quality <= 1
        with Image.open(io.BytesIO(face.crop)) as crop:
            assert (crop.format, crop.size) == ("JPEG", (160, 160))


def test_weak_and_small_faces_are_left_out(pack_dir: Path, tiny: FaceDetector) -> None:
    pack = resolve_pack(str(pack_dir))
    options = DetectorOptions(provider="cpu", straighten=False)
    (faces,) = find(load_detector(pack, options), GROUP_PHOTO)
    sure = load_detector(pack, replace(options, min_score=faces[1].score))
    assert len(find(sure, GROUP_PHOTO)[0]) == 2
    large = load_detector(pack, DetectorOptions(min_size_px=5000, provider="cpu"))
    assert find(large, GROUP_PHOTO) == [()]


def test_a_photo_without_a_face_has_none(
    tiny: FaceDetector, bundled: FaceDetector, tmp_path: Path
) -> None:
    for size in ((1, 1), (20000, 3), (300, 200)):
        Image.new("RGB", size, (90, 90, 90)).save(tmp_path / "grey.png")
        for detector in (tiny, bundled):
            assert find(detector, tmp_path / "grey.png") == [()]


def test_no_photo_is_no_work(tiny: FaceDetector) -> None:
    assert tiny.detect([]) == []


def test_a_photo_that_cannot_be_had_fails_when_it_is_prepared(tiny: FaceDetector) -> None:
    with pytest.raises(UnreachableImage):
        tiny.prepare("/nowhere/one.jpg")


def test_the_bundled_pack_finds_real_faces(bundled: FaceDetector) -> None:
    (faces,) = find(bundled, GROUP_PHOTO)
    assert len(faces) >= 5
    for face in faces:
        assert vector(face).shape == (128,)
        assert np.linalg.norm(vector(face)) == pytest.approx(1, abs=1e-5)
        left, right, nose, *mouth = face.landmarks
        assert face.box.left < left[0] < right[0] < face.box.right
        assert min(nose[1], *(corner[1] for corner in mouth)) > min(left[1], right[1])


def test_the_bundled_pack_finds_a_face_that_fills_the_frame(
    bundled: FaceDetector, tmp_path: Path
) -> None:
    (faces,) = find(bundled, GROUP_PHOTO)
    box = max(faces, key=lambda face: face.score).box
    with Image.open(GROUP_PHOTO) as image:
        image.crop((box.left, box.top, box.right, box.bottom)).save(tmp_path / "tight.png")
    (found,) = find(bundled, tmp_path / "tight.png")
    assert len(found) == 1


def test_the_bundled_pack_runs_on_cpu() -> None:
    assert choose_provider(resolve_pack("bundled"), "auto") == "CPU"


def test_the_mean_face_is_insightfaces() -> None:
    from insightface.utils.face_align import arcface_dst

    np.testing.assert_array_equal(MEAN_FACE, arcface_dst)

"""The bundled pack: dlib's HOG detector, 5 landmarks and ResNet. It runs on CPU only."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from cluster.core.errors import PackNotFound
from cluster.core.identity.faces import BoundingBox, Face, face_quality
from cluster.core.steps import StepTimes
from cluster.inference import Provider
from cluster.vision.packs.detector_options import (
    DetectorOptions,
    PreparedPhoto,
    prepare_photo,
    reopen_for_strips,
)
from cluster.vision.packs.mean_face import MEAN_FACE
from cluster.vision.packs.pack_files import Pack
from cluster.vision.packs.strips import Strip, choose_faces, cut_strip, plan_strips
from cluster.vision.photos.crops import cut_crop
from cluster.vision.photos.images import OpenedImage
from cluster.vision.photos.sharpness import measure_sharpness

_LANDMARKS = "shape_predictor_5_face_landmarks.dat"
_RESNET = "dlib_face_recognition_resnet_model_v1.dat"

_MIN_LONG_SIDE_PX = 320
_MAX_LONG_SIDE_PX = 960
"""dlib's detector finds faces of at least 80 pixels, one twelfth of this side."""

_STRIP_LONG_SIDE_PX = 1280
"""Strips are searched at a larger size: with 960, dlib missed 11 of 30 faces of a fifteenth of the
strip's height, and with 1280 none."""

_MARGIN = 0.2
"""The width of the frame around a photo, as a share of its long side.

The detector needs to see a whole head, which a tight crop does not show.
"""

_CHIP_PX = 150
_CHIP_PADDING = 0.25

Pixels = npt.NDArray[np.uint8]


class DlibDetector:
    """The bundled pack, loaded. Any thread may call `prepare`; one at a time may call `detect`."""

    def __init__(self, pack: Pack, options: DetectorOptions) -> None:
        """Load the three models. Raises PackNotFound if a file is missing."""
        for name in (_LANDMARKS, _RESNET):
            if not (pack.folder / name).is_file():
                raise PackNotFound(pack.name, f"{pack.folder / name} is missing")
        self.pack = pack
        self.options = options
        self.provider: Provider = "CPU"
        self.photos_at_once = 1
        self.times = StepTimes(time.perf_counter)
        cv2.setNumThreads(options.threads)
        self._find_faces = dlib.get_frontal_face_detector()
        self._find_landmarks = dlib.shape_predictor(str(pack.folder / _LANDMARKS))
        self._resnet = dlib.face_recognition_model_v1(str(pack.folder / _RESNET))

    def prepare(self, path: str) -> PreparedPhoto:
        """Read and decode a photo. Raises UnreachableImage or UnreadableImage."""
        return prepare_photo(path, self.options)

    def detect(self, photos: Sequence[PreparedPhoto]) -> list[tuple[Face, ...]]:
        """Return the faces of each photo, best first; boxes in pixels of the full-size photo."""
        return [self._detect_one(photo) for photo in photos]

    def _detect_one(self, photo: PreparedPhoto) -> tuple[Face, ...]:
        found = self._search(photo.image)
        strips = plan_strips(photo.image.width, photo.image.height)
        if not strips:
            return found
        image = reopen_for_strips(photo, strips, side_px=_STRIP_LONG_SIDE_PX, options=self.options)
        looks = [found, *(self._search_strip(image, strip) for strip in strips)]
        faces = list(itertools.chain(*looks))
        numbers = np.repeat(np.arange(len(looks)), [len(some) for some in looks])
        scores = np.array([face.score for face in faces], np.float32)
        return tuple(faces[i] for i in choose_faces(_list_boxes(faces), scores, numbers))

    def _search_strip(self, image: OpenedImage, strip: Strip) -> list[Face]:
        cutting, (left, top) = cut_strip(image, strip)
        place = left / image.scale, top / image.scale
        moved = [
            face.moved_by(*place) for face in self._search(cutting, most_px=_STRIP_LONG_SIDE_PX)
        ]
        return list(itertools.compress(moved, strip.holds(_list_boxes(moved))))

    def _search(self, image: OpenedImage, *, most_px: int = _MAX_LONG_SIDE_PX) -> tuple[Face, ...]:
        framed, growth, margin = _frame(image.pixels, most_px)
        # The second result is the distance from the detector's decision boundary, about 0 to 3.
        with self.times.timing("detect"):
            boxes, margins, _ = self._find_faces.run(framed, 0, 0.0)
        faces = []
        for box, distance in zip(boxes, margins, strict=True):
            score = 0.5 + 0.5 * math.tanh(distance)
            side_px = min(box.width(), box.height()) / growth / image.scale
            if score >= self.options.min_score and side_px >= self.options.min_size_px:
                with self.times.timing("embed"):
                    face = self._describe(framed, box, score, (growth, margin, image.scale))
                faces.append(face)
        return tuple(sorted(faces, key=lambda face: -face.score))

    def _describe(
        self, framed: Pixels, found: dlib.rectangle, score: float, place: tuple[float, int, float]
    ) -> Face:
        growth, margin, scale = place
        shape = self._find_landmarks(framed, found)
        chip = dlib.get_face_chip(framed, shape, _CHIP_PX, _CHIP_PADDING)
        vector = np.asarray(self._resnet.compute_face_descriptor(chip), dtype="<f4")
        points = (_five_points(shape) - margin) / (growth * scale)
        landmarks = tuple((float(x), float(y)) for x, y in points)
        here = BoundingBox(found.left(), found.top(), found.right() + 1, found.bottom() + 1)
        corners = (here.left, here.top, here.right, here.bottom)
        box = BoundingBox(*((side - margin) / (growth * scale) for side in corners))
        return Face(
            box=box,
            landmarks=landmarks,
            score=score,
            quality=face_quality(
                score=score, side_px=min(box.width, box.height), landmarks=landmarks
            ),
            embedding=(vector / max(float(np.linalg.norm(vector)), 1e-12)).tobytes(),
            crop=cut_crop(framed, here),
            sharpness=measure_sharpness(chip),
        )


def _list_boxes(faces: Sequence[Face]) -> npt.NDArray[np.float32]:
    return np.array([face.box.corners for face in faces], np.float32).reshape(-1, 4)


def _frame(pixels: Pixels, most_px: int) -> tuple[Pixels, float, int]:
    """Return the scaled and framed photo, its scale factor, and the width of the frame."""
    long_side = max(pixels.shape[:2])
    growth = min(max(2 * long_side, _MIN_LONG_SIDE_PX), most_px) / long_side
    size = [max(1, round(side * growth)) for side in pixels.shape[1::-1]]
    method = cv2.INTER_AREA if growth < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(pixels, size, interpolation=method)
    margin = round(_MARGIN * max(size))
    framed = cv2.copyMakeBorder(scaled, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return framed.astype(np.uint8, copy=False), growth, margin


def _five_points(shape: dlib.full_object_detection) -> npt.NDArray[np.float64]:
    """Return eyes, nose and mouth corners (5, 2) from dlib's four eye corners and nose.

    dlib's points are the right eye's outer and inner corner, the left eye's outer and inner corner
    (right and left as the viewer sees them), and the point below the nose. It has no mouth, so the
    corners of the mouth come from ArcFace's mean face, rotated and scaled to fit the eyes.
    """
    corners = np.array([(shape.part(i).x, shape.part(i).y) for i in range(5)], dtype=float)
    pairs = sorted((corners[0:2].mean(axis=0), corners[2:4].mean(axis=0)), key=lambda eye: eye[0])
    eyes = np.array(pairs) @ (1, 1j)
    mean_face = MEAN_FACE.astype(float) @ (1, 1j)
    turn = (eyes[1] - eyes[0]) / (mean_face[1] - mean_face[0])
    mouth = eyes[0] + turn * (mean_face[3:] - mean_face[0])
    points = np.concatenate([eyes, [corners[4] @ (1, 1j)], mouth])
    return np.stack([points.real, points.imag], axis=1)

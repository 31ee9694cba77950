"""Faces with an InsightFace pack: SCRFD finds them, ArcFace embeds them, both in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from insightface.model_zoo import get_model

from cluster.core.errors import PackNotFound
from cluster.core.faces import BoundingBox, Face, face_quality
from cluster.vision.arcface import ArcFace, align, alignment
from cluster.vision.crops import cut_crop
from cluster.vision.images import OpenedImage
from cluster.vision.input_sizes import plan_sizes
from cluster.vision.onnx_models import CPU, choose_providers, session_options
from cluster.vision.options import DetectorOptions, PreparedPhoto, prepare_photo, reopen
from cluster.vision.packs import Pack
from cluster.vision.scrfd import Candidates, Scrfd, Size

_BATCH_ON_CPU = 4
_BATCH_ON_GPU = 32


@dataclass(frozen=True, slots=True)
class _Seen:
    """One face in one photo, cut out for recognition."""

    image: OpenedImage
    box: BoundingBox
    landmarks: tuple[tuple[float, float], ...]
    score: float
    aligned: npt.NDArray[np.uint8]


class InsightFaceDetector:
    """A loaded InsightFace pack. One thread may call `detect`, any `prepare`."""

    def __init__(self, pack: Pack, options: DetectorOptions) -> None:
        """Load the pack's detector and recogniser through InsightFace's model zoo."""
        models = _load_models(pack, threads=options.threads)
        self.pack = pack
        self.options = options
        self.provider: str = models["detection"].session.get_providers()[0]
        batch = options.batch or (_BATCH_ON_CPU if self.provider == CPU else _BATCH_ON_GPU)
        # One photo at a time is as fast on CPU, where a batch only falls out of the cache.
        self._photos_at_once = 1 if self.provider == CPU else batch
        self._scrfd = Scrfd(
            models["detection"], min_score=options.min_score, threads=options.threads
        )
        self._arcface = ArcFace(models["recognition"], threads=options.threads, batch=batch)

    def prepare(self, path: str) -> PreparedPhoto:
        """Read and decode a photo. Raises UnreachableImage or UnreadableImage."""
        return prepare_photo(path, self.options)

    def detect(self, photos: Sequence[PreparedPhoto]) -> list[tuple[Face, ...]]:
        """Return the faces of each photo, best first; boxes in pixels of the full-size photo."""
        found = self._find([photo.image for photo in photos])
        seen = [self._cut(photo, faces) for photo, faces in zip(photos, found, strict=True)]
        embeddings = iter(self._arcface.embed([face.aligned for some in seen for face in some]))
        return [tuple(_to_face(face, next(embeddings)) for face in some) for some in seen]

    def _find(self, images: Sequence[OpenedImage]) -> list[Candidates]:
        """Return the faces of each image in pixels of its decoded copy."""
        plans = [self._plan(image) for image in images]
        by_size: dict[Size, list[int]] = defaultdict(list)
        for index, sizes in enumerate(plans):
            for size in sizes:
                by_size[size].append(index)
        found: dict[tuple[int, Size], Candidates] = {}
        for size, indices in by_size.items():
            for start in range(0, len(indices), self._photos_at_once):
                some = indices[start : start + self._photos_at_once]
                results = self._scrfd.find_candidates([images[i].pixels for i in some], size)
                found |= {(i, size): result for i, result in zip(some, results, strict=True)}
        return [
            self._scrfd.merge([found[index, size] for size in sizes])
            for index, sizes in enumerate(plans)
        ]

    def _plan(self, image: OpenedImage) -> Sequence[Size]:
        if self._scrfd.fixed_size is not None:
            return (self._scrfd.fixed_size,)
        if self.options.sizes == "auto":
            return plan_sizes(image.width, image.height)
        return self.options.sizes

    def _cut(self, photo: PreparedPhoto, found: Candidates) -> list[_Seen]:
        """Cut out the faces that are large enough, from a larger decode where that shows more."""
        image, side_px = photo.image, self._arcface.side_px
        sides = (found.boxes[:, 2:] - found.boxes[:, :2]).min(axis=1, initial=np.inf)
        kept = np.flatnonzero(sides >= self.options.min_size_px * image.scale)
        transforms = [alignment(found.landmarks[i], side_px=side_px) for i in kept]
        enlarged = max((float(np.hypot(*t[:, 0])) for t in transforms), default=0.0)
        if enlarged > 1.0 and image.scale < 1.0:
            wanted = int(np.ceil(enlarged * max(image.pixels.shape[:2])))
            image = reopen(photo, long_side_px=wanted, options=self.options)
        growth = image.scale / photo.image.scale
        return [self._cut_one(image, found.divided_by(1 / growth), i) for i in kept]

    def _cut_one(self, image: OpenedImage, found: Candidates, index: int) -> _Seen:
        points = found.landmarks[index]
        transform = alignment(points, side_px=self._arcface.side_px)
        left, top, right, bottom = (float(side) for side in found.boxes[index])
        return _Seen(
            image=image,
            box=BoundingBox(left, top, right, bottom),
            landmarks=tuple((float(x), float(y)) for x, y in points / image.scale),
            score=float(found.scores[index]),
            aligned=align(image.pixels, transform, side_px=self._arcface.side_px),
        )


def _to_face(seen: _Seen, embedding: npt.NDArray[np.float32]) -> Face:
    box = seen.box.scaled(1 / seen.image.scale)
    return Face(
        box=box,
        landmarks=seen.landmarks,
        score=seen.score,
        quality=face_quality(score=seen.score, box=box, landmarks=seen.landmarks),
        embedding=embedding.astype("<f4").tobytes(),
        crop=cut_crop(seen.image.pixels, seen.box),
    )


def _load_models(pack: Pack, *, threads: int) -> dict[str, Any]:
    """Return the pack's "detection" and "recognition", the first file of each, as InsightFace does."""
    cv2.setNumThreads(threads)
    models: dict[str, Any] = {}
    for file in sorted(Path(pack.folder).glob("*.onnx")):
        model = get_model(
            str(file), providers=choose_providers(), sess_options=session_options(threads)
        )
        if model is not None and model.taskname in ("detection", "recognition"):
            models.setdefault(model.taskname, model)
    missing = {"detection", "recognition"} - models.keys()
    if missing:
        raise PackNotFound(pack.name, f"{pack.folder} holds no model for {', '.join(missing)}")
    return models

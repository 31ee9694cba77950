"""InsightFace packs: SCRFD finds faces and ArcFace embeds them, both in batches."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from insightface.model_zoo import get_model

from cluster.core.errors import PackNotFound
from cluster.core.identity.faces import BoundingBox, Face, face_quality
from cluster.core.steps import StepTimes
from cluster.inference import (
    Provider,
    list_providers,
    pick_provider,
    provider_of,
    session_options,
)
from cluster.vision.packs.arcface import ArcFace, align, alignment
from cluster.vision.packs.detector_options import (
    DetectorOptions,
    PreparedPhoto,
    prepare_photo,
    reopen,
    reopen_for_strips,
)
from cluster.vision.packs.input_sizes import (
    DOUBT_SHARE,
    LARGE_PX,
    Plan,
    leaves_doubt,
    plan_sizes,
)
from cluster.vision.packs.pack_files import Pack
from cluster.vision.packs.scrfd import Candidates, Scrfd, Size
from cluster.vision.packs.strips import Strip, choose_faces, cut_strip, plan_strips
from cluster.vision.packs.upright_looks import straighten
from cluster.vision.photos.crops import cut_crop
from cluster.vision.photos.images import OpenedImage, shrink
from cluster.vision.photos.pixels import is_dithered
from cluster.vision.photos.sharpness import measure_sharpness

_BATCH_ON_CPU = 4
_BATCH_ON_GPU = 32

_DOUBT_SIZE = 0.8
"""Candidates below the minimum size by up to this factor count as doubtful.

A search at a larger size may show that they are large enough.
"""


MAX_ENLARGEMENT = 1.5
"""Faces that recognition would have to enlarge by a larger factor are cut from a larger decode."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One face in one photo, cut out for recognition."""

    image: OpenedImage
    box: BoundingBox
    landmarks: tuple[tuple[float, float], ...]
    score: float
    side_px: float
    aligned: npt.NDArray[np.uint8]


class InsightFaceDetector:
    """A loaded InsightFace pack. Any thread may call `prepare`; one at a time may call `detect`."""

    def __init__(self, pack: Pack, options: DetectorOptions) -> None:
        """Load the pack's detector and recogniser through InsightFace's model zoo."""
        models = _load_models(pack, options)
        self.pack = pack
        self.options = options
        self.provider: Provider = provider_of(models["detection"].session)
        batch = options.batch or (_BATCH_ON_CPU if self.provider == "CPU" else _BATCH_ON_GPU)
        # On CPU, batches of photos are not faster, because they do not fit into the cache.
        self.photos_at_once = options.batch or (1 if self.provider == "CPU" else batch)
        self.times = StepTimes(time.perf_counter)
        self._scrfd = Scrfd(
            models["detection"], threads=options.threads, precision=options.precision
        )
        self._arcface = ArcFace(
            models["recognition"],
            threads=options.threads,
            batch=batch,
            precision=options.precision,
        )

    def prepare(self, path: str) -> PreparedPhoto:
        """Read and decode a photo. Raises UnreachableImage or UnreadableImage."""
        photo = prepare_photo(path, self.options)
        longest = self.options.longest_look_px
        if longest is None:
            return photo
        return replace(photo, image=shrink(photo.image, long_side_px=longest))

    def detect(self, photos: Sequence[PreparedPhoto]) -> list[tuple[Face, ...]]:
        """Return the faces of each photo, best first; boxes in pixels of the full-size photo."""
        with self.times.timing("detect"):
            found = self._find([photo.image for photo in photos])
            photos, found = self._find_in_strips(photos, found)
        with self.times.timing("embed"):
            seen = [self._cut(photo, faces) for photo, faces in zip(photos, found, strict=True)]
            embeddings = iter(self._arcface.embed([face.aligned for some in seen for face in some]))
        return [tuple(_to_face(face, next(embeddings)) for face in some) for some in seen]

    def _find(self, images: Sequence[OpenedImage]) -> list[Candidates]:
        """Return the faces of each image, in pixels of its decoded picture."""
        plans = [self._plan(image) for image in images]
        found = self._look(images, [plan.always for plan in plans])
        doubtful = [
            plan.in_doubt if plan.in_doubt and self._is_doubtful(image, seen) else ()
            for plan, image, seen in zip(plans, images, found, strict=True)
        ]
        again = self._look(images, doubtful)
        faces = [self._merge([*seen, *more]) for seen, more in zip(found, again, strict=True)]
        empty = [
            plan.when_empty if not len(some.scores) and is_dithered(image.pixels) else ()
            for plan, image, some in zip(plans, images, faces, strict=True)
        ]
        last = self._look(images, empty, is_smooth=True)
        faces = [
            self._merge(more) if more else some for some, more in zip(faces, last, strict=True)
        ]
        if not self.options.straighten:
            return faces
        return [self._straighten(image, some) for image, some in zip(images, faces, strict=True)]

    def _find_in_strips(
        self, photos: Sequence[PreparedPhoto], found: Sequence[Candidates]
    ) -> tuple[list[PreparedPhoto], list[Candidates]]:
        """Return the photos and their faces; a very wide or tall photo is decoded larger."""
        kept, faces = list(photos), list(found)
        for index, photo in enumerate(photos):
            strips = plan_strips(photo.image.width, photo.image.height)
            if strips and self.options.sizes == "auto":
                image = reopen_for_strips(photo, strips, side_px=LARGE_PX, options=self.options)
                whole = found[index].divided_by(photo.image.scale / image.scale)
                kept[index] = replace(photo, image=image)
                faces[index] = self._search_strips(image, strips, whole)
        return kept, faces

    def _search_strips(
        self, image: OpenedImage, strips: Sequence[Strip], whole: Candidates
    ) -> Candidates:
        """Return the faces of `whole` and of the strips, each once, in pixels of `image`."""
        cuttings = [cut_strip(image, strip) for strip in strips]
        seen = self._find([cutting for cutting, _ in cuttings])
        looks = [whole]
        for strip, (_, place), some in zip(strips, cuttings, seen, strict=True):
            moved = some.moved_by(place)
            looks.append(moved.picked(strip.holds(moved.boxes / image.scale)))
        faces = Candidates.join(looks)
        numbers = np.repeat(np.arange(len(looks)), [len(one.scores) for one in looks])
        return faces.picked(choose_faces(faces.boxes, faces.scores, numbers))

    def _straighten(self, image: OpenedImage, found: Candidates) -> Candidates:
        min_side_px = self.options.min_size_px * image.scale
        return straighten(self._scrfd, image.pixels, found, min_side_px=min_side_px)

    def _merge(self, seen: Sequence[Candidates]) -> Candidates:
        return self._scrfd.merge([one.from_score(self.options.min_score) for one in seen])

    def _plan(self, image: OpenedImage) -> Plan:
        if self._scrfd.fixed_size is not None:
            return Plan((self._scrfd.fixed_size,))
        if self.options.sizes == "auto":
            return plan_sizes(image.width, image.height)
        return Plan(self.options.sizes)

    def _is_doubtful(self, image: OpenedImage, seen: Sequence[Candidates]) -> bool:
        min_side_px = _DOUBT_SIZE * self.options.min_size_px * image.scale
        return any(
            leaves_doubt(one, min_score=self.options.min_score, min_side_px=min_side_px)
            for one in seen
        )

    def _look(
        self,
        images: Sequence[OpenedImage],
        wanted: Sequence[Sequence[Size]],
        *,
        is_smooth: bool = False,
    ) -> list[list[Candidates]]:
        """Return each image's candidates for each wanted input size; images are batched by size."""
        by_size: dict[Size, list[int]] = defaultdict(list)
        for index, sizes in enumerate(wanted):
            for size in sizes:
                by_size[size].append(index)
        seen: list[list[Candidates]] = [[] for _ in images]
        min_score = DOUBT_SHARE * self.options.min_score
        for size, indices in by_size.items():
            for start in range(0, len(indices), self.photos_at_once):
                some = indices[start : start + self.photos_at_once]
                pixels = [images[i].pixels for i in some]
                results = self._scrfd.find_candidates(
                    pixels, size, min_score=min_score, is_smooth=is_smooth
                )
                for index, result in zip(some, results, strict=True):
                    seen[index].append(result)
        return seen

    def _cut(self, photo: PreparedPhoto, found: Candidates) -> list[_Seen]:
        """Cut out the faces that are large enough, from a larger decode if it shows more detail."""
        image, side_px = photo.image, self._arcface.side_px
        sides = (found.boxes[:, 2:] - found.boxes[:, :2]).min(axis=1, initial=np.inf)
        kept = np.flatnonzero(sides >= self.options.min_size_px * image.scale)
        transforms = [alignment(found.landmarks[i], side_px=side_px) for i in kept]
        enlarged = max((float(np.hypot(*t[:, 0])) for t in transforms), default=0.0)
        if enlarged > MAX_ENLARGEMENT and image.scale < 1.0:
            wanted = int(np.ceil(enlarged / MAX_ENLARGEMENT * max(image.pixels.shape[:2])))
            image = reopen(photo, long_side_px=wanted, options=self.options)
        growth = image.scale / photo.image.scale
        return [self._cut_one(image, found.divided_by(1 / growth), int(i)) for i in kept]

    def _cut_one(self, image: OpenedImage, found: Candidates, index: int) -> _Seen:
        points = found.landmarks[index]
        transform = alignment(points, side_px=self._arcface.side_px)
        left, top, right, bottom = (float(side) for side in found.boxes[index])
        return _Seen(
            image=image,
            box=BoundingBox(left, top, right, bottom),
            landmarks=tuple((float(x), float(y)) for x, y in points / image.scale),
            score=float(found.scores[index]),
            side_px=float(found.sides[index]) / image.scale,
            aligned=align(image.pixels, transform, side_px=self._arcface.side_px),
        )


def _to_face(seen: _Seen, embedding: npt.NDArray[np.float32]) -> Face:
    box = seen.box.scaled(1 / seen.image.scale)
    return Face(
        box=box,
        landmarks=seen.landmarks,
        score=seen.score,
        quality=face_quality(score=seen.score, side_px=seen.side_px, landmarks=seen.landmarks),
        embedding=embedding.astype("<f4").tobytes(),
        crop=cut_crop(seen.image.pixels, seen.box),
        sharpness=measure_sharpness(seen.aligned),
    )


def _load_models(pack: Pack, options: DetectorOptions) -> dict[str, Any]:
    """Return the pack's "detection" and "recognition": the first file of each, by name."""
    cv2.setNumThreads(options.threads)
    providers = list_providers(pick_provider(options.provider))
    models: dict[str, Any] = {}
    for file in sorted(Path(pack.folder).glob("*.onnx")):
        model = get_model(
            str(file), providers=providers, sess_options=session_options(options.threads)
        )
        if model is not None and model.taskname in ("detection", "recognition"):
            models.setdefault(model.taskname, model)
    missing = {"detection", "recognition"} - models.keys()
    if missing:
        raise PackNotFound(pack.name, f"{pack.folder} holds no model for {', '.join(missing)}")
    return models

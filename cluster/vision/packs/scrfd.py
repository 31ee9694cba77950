"""SCRFD (Guo et al., ICLR 2022) in batches, through InsightFace's own model.

It finds the same faces as InsightFace's `SCRFD.detect`, for several photos of one input size at
once. Boxes are computed only for anchors whose score passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cluster.inference import (
    Precision,
    free_batch_axis,
    halve_precision,
    load_graph,
    open_session,
    provider_of,
)
from cluster.vision.packs.convolutions import merge_convolutions

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Possible faces in one photo: boxes (n, 4), scores (n,), landmarks (n, 5, 2), float32.

    `upright_sides` (n,) are the shorter sides of the boxes of the faces turned upright, None if
    they were not measured.
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats
    upright_sides: Floats | None = None

    @property
    def sides(self) -> Floats:
        """The shorter side of each face's box, (n,), of a tilted face when turned upright."""
        if self.upright_sides is not None:
            return self.upright_sides
        sides: Floats = (self.boxes[:, 2:] - self.boxes[:, :2]).min(axis=1, initial=np.inf)
        return sides

    def from_score(self, min_score: float) -> Candidates:
        """Return the candidates whose score is at least `min_score`."""
        kept = self.scores >= min_score
        return Candidates(self.boxes[kept], self.scores[kept], self.landmarks[kept])

    def picked(self, which: npt.NDArray[np.bool_] | Sequence[int]) -> Candidates:
        """Return some of the candidates: by a mask (n,), or by indices, in their order."""
        is_mask = isinstance(which, np.ndarray)
        kept = np.flatnonzero(which) if is_mask else np.asarray(which, np.int64)
        sides = None if self.upright_sides is None else self.upright_sides[kept]
        return Candidates(self.boxes[kept], self.scores[kept], self.landmarks[kept], sides)

    def moved_by(self, place: tuple[float, float]) -> Candidates:
        """Return the candidates in coordinates of a photo in which this one begins at `place`."""
        offset = np.array(place, np.float32)
        boxes = self.boxes + np.tile(offset, 2)
        return Candidates(boxes, self.scores, self.landmarks + offset, self.upright_sides)

    @staticmethod
    def join(looks: Sequence[Candidates]) -> Candidates:
        """Concatenate the candidates of several searches of one photo."""
        return Candidates(
            np.concatenate([one.boxes for one in looks]),
            np.concatenate([one.scores for one in looks]),
            np.concatenate([one.landmarks for one in looks]),
            np.concatenate([one.sides for one in looks]),
        )

    def divided_by(self, scale: float) -> Candidates:
        """Return the candidates in coordinates of a photo that is 1 / `scale` times as large."""
        sides = None if self.upright_sides is None else self.upright_sides / scale
        return Candidates(self.boxes / scale, self.scores, self.landmarks / scale, sides)


class Scrfd:
    """A loaded SCRFD detector; `fixed_size` is its only input size, None if it takes any."""

    def __init__(self, model: Any, *, threads: int, precision: Precision = "fp32") -> None:
        """Use InsightFace's `model` (anchors, mean, NMS) with a session of our own for batches."""
        self._model = model
        graph = free_batch_axis(load_graph(model.model_file))
        provider = provider_of(model.session)
        if provider == "CPU":
            graph = merge_convolutions(graph)
        elif precision == "fp16":
            graph = halve_precision(graph)
        self._session = open_session(graph, provider=provider, threads=threads)
        self.fixed_size: Size | None = model.static_input_size

    def find_candidates(
        self, photos: Sequence[Pixels], size: Size, *, min_score: float, is_smooth: bool = False
    ) -> list[Candidates]:
        """Return the candidates in each RGB photo, scaled into an input of `size`.

        Photos are scaled to fit, placed at the upper left and padded with black, as in InsightFace.
        The candidates are in pixels of the photos. `is_smooth` averages pixels when a photo is
        shrunk to less than half; otherwise pixels are skipped, as in InsightFace.
        """
        fitted = [_fit(photo, size, is_smooth=is_smooth) for photo in photos]
        scales = [
            image.shape[0] / photo.shape[0] for image, photo in zip(fitted, photos, strict=True)
        ]
        blob = self._to_blob(fitted, size)
        outputs = self._session.run(self._model.output_names, {self._model.input_name: blob})
        parts = [
            [_of_photo(output, i, len(photos), self._model) for output in outputs]
            for i in range(len(photos))
        ]
        return [
            self._decode(part, size, min_score).divided_by(scale)
            for part, scale in zip(parts, scales, strict=True)
        ]

    def merge(self, found: Sequence[Candidates]) -> Candidates:
        """Merge candidates of several input sizes by InsightFace's NMS; faces are best first."""
        boxes = np.concatenate([one.boxes for one in found])
        scores = np.concatenate([one.scores for one in found])
        landmarks = np.concatenate([one.landmarks for one in found])
        if not len(scores):
            return Candidates(boxes, scores, landmarks)
        kept = self._model.nms(np.hstack([boxes, scores[:, None]]))
        return Candidates(boxes[kept], scores[kept], landmarks[kept])

    def _to_blob(self, images: Sequence[Pixels], size: Size) -> Floats:
        """Return the input of the model, float32 (n, 3, height, width)."""
        mean, deviation = self._model.input_mean, self._model.input_std
        canvases = [_pad(image, size) for image in images]
        blob = np.empty((len(images), 3, size[1], size[0]), dtype=np.float32)
        for planes, canvas in zip(blob, canvases, strict=True):
            for plane, channel in zip(planes, cv2.split(canvas), strict=True):
                # This takes one pass; cv2.dnn.blobFromImages takes several.
                cv2.addWeighted(
                    channel, 1 / deviation, channel, 0, -mean / deviation, plane, cv2.CV_32F
                )
        return blob

    def _decode(self, outputs: list[Floats], size: Size, min_score: float) -> Candidates:
        levels = self._model.fmc
        parts = [
            self._decode_level(outputs[i::levels], stride, size[0] // stride, min_score)
            for i, stride in enumerate(self._model._feat_stride_fpn)
        ]
        return Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _decode_level(
        self, outputs: list[Floats], stride: int, places_a_row: int, min_score: float
    ) -> tuple[Floats, Floats, Floats]:
        """Convert one level's distances from its anchors into boxes, scores and landmarks."""
        scores = outputs[0][:, 0]
        hits = np.flatnonzero(scores >= min_score)
        rows, columns = np.divmod(hits // self._model._num_anchors, places_a_row)
        centres = np.stack([columns, rows], axis=1).astype(np.float32) * stride
        distances = outputs[1][hits] * stride
        boxes = np.hstack([centres - distances[:, :2], centres + distances[:, 2:]])
        points = outputs[2][hits].reshape(-1, 5, 2) * stride + centres[:, None, :]
        return boxes, scores[hits], points


def _fit(photo: Pixels, size: Size, *, is_smooth: bool) -> Pixels:
    width, height = size
    if (photo.shape[1] == width and photo.shape[0] <= height) or (
        photo.shape[0] == height and photo.shape[1] <= width
    ):
        return photo
    ratio = photo.shape[0] / photo.shape[1]
    if ratio > height / width:
        width = int(height / ratio)
    else:
        height = int(width * ratio)
    shrinks = is_smooth and 2 * max(width, height) < max(photo.shape[:2])
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    fitted = cv2.resize(photo, (max(1, width), max(1, height)), interpolation=method)
    return np.asarray(fitted, dtype=np.uint8)


def _pad(image: Pixels, size: Size) -> Pixels:
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas


def _of_photo(output: Floats, index: int, count: int, model: Any) -> Floats:
    """Return one photo's rows of an output.

    Older graphs transpose (N, A * C, H, W) to (H, W, N, A * C) and flatten all but the last axis,
    so the batch axis is between the place and the anchor. Newer graphs keep it in front.
    """
    if model.batched:
        return output[index]
    if count == 1:
        return output
    anchors, channels = model._num_anchors, output.shape[-1]
    return output.reshape(-1, count, anchors, channels)[:, index].reshape(-1, channels)

"""ArcFace (Deng et al., CVPR 2019) in batches, through InsightFace's own model."""

from __future__ import annotations

from collections.abc import Sequence
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
    split_prelu,
)
from cluster.vision.packs.mean_face import MEAN_FACE

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


class ArcFace:
    """A loaded ArcFace recogniser: faces of `side_px` pixels in, vectors of `dimension` out."""

    def __init__(
        self, model: Any, *, threads: int, batch: int, precision: Precision = "fp32"
    ) -> None:
        """Use InsightFace's `model` with a session of our own for up to `batch` faces at once."""
        self._model = model
        self._batch = batch
        graph = free_batch_axis(load_graph(model.model_file))
        provider = provider_of(model.session)
        if provider == "CPU":
            graph = split_prelu(graph)
        elif precision == "fp16":
            graph = halve_precision(graph)
        self._session = open_session(graph, provider=provider, threads=threads)
        self.side_px: int = model.input_size[0]
        self.dimension = int(model.output_shape[-1])

    def embed(self, aligned: Sequence[Pixels]) -> Floats:
        """Return L2-normalised embeddings (n, D) of aligned RGB faces (S, S, 3) uint8."""
        if not aligned:
            return np.empty((0, self.dimension), dtype=np.float32)
        chunks = [aligned[i : i + self._batch] for i in range(0, len(aligned), self._batch)]
        vectors = np.concatenate([self._run(chunk) for chunk in chunks])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Floats = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
        return unit

    def _run(self, aligned: Sequence[Pixels]) -> Floats:
        mean, deviation = self._model.input_mean, self._model.input_std
        blob = cv2.dnn.blobFromImages(
            list(aligned), 1.0 / deviation, (self.side_px, self.side_px), (mean, mean, mean)
        )
        outputs = self._session.run(self._model.output_names, {self._model.input_name: blob})
        vectors: Floats = outputs[0]
        return vectors


def alignment(landmarks: Floats, *, side_px: int) -> npt.NDArray[np.float64]:
    """Return the similarity transform (2, 3) that maps landmarks (5, 2) to ArcFace's mean face.

    It is the least-squares fit of rotation, scale and shift (Umeyama, PAMI 1991), computed with
    complex numbers. The result is the same as that of InsightFace's `estimate_norm`.
    """
    unit = side_px / (112 if side_px % 112 == 0 else 128)
    shift = 0.0 if side_px % 112 == 0 else 8.0 * unit
    wanted = _complex(MEAN_FACE * unit) + shift
    points = _complex(landmarks)
    around = points - points.mean()
    spread = float((np.abs(around) ** 2).sum()) or 1.0
    turn = complex((around.conj() * (wanted - wanted.mean())).sum() / spread)
    move = complex(wanted.mean() - turn * points.mean())
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


def _complex(points: Floats) -> npt.NDArray[np.complex128]:
    return points[:, 0].astype(np.float64) + 1j * points[:, 1].astype(np.float64)


def align(photo: Pixels, transform: npt.NDArray[np.float64], *, side_px: int) -> Pixels:
    """Return the aligned face, uint8 (S, S, 3), that `transform` cuts out of an RGB photo."""
    face = cv2.warpAffine(photo, transform, (side_px, side_px), borderValue=0.0)
    return np.asarray(face, dtype=np.uint8)

"""Baselines for benchmarks: plain loops over the libraries that Headcount uses."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.core.identity.faces import BoundingBox


@dataclass(frozen=True, slots=True)
class LoopResult:
    """The result of a plain loop: its seconds, and the boxes of the faces by path."""

    seconds: float
    boxes: dict[str, tuple[BoundingBox, ...]]

    @property
    def faces(self) -> int:
        """The number of faces that were found."""
        return sum(len(boxes) for boxes in self.boxes.values())


def run_insightface_loop(
    paths: Sequence[str],
    pack: str,
    *,
    modules: Sequence[str],
    provider: str = "CPUExecutionProvider",
) -> LoopResult:
    """Find and embed faces as in InsightFace's documentation, one photo after the other.

    It uses `cv2.imread` and `FaceAnalysis.get`, with the default automatic sizes and ONNX Runtime's
    default threads. The time is that of the loop, without loading the models.
    """
    import cv2
    from insightface.app import FaceAnalysis

    app = FaceAnalysis(
        name=os.path.expanduser(pack),
        allowed_modules=list(modules),
        providers=[provider],
    )
    app.prepare(ctx_id=-1 if provider.startswith("CPU") else 0)
    if paths and not provider.startswith("CPU"):
        app.get(cv2.imread(paths[0]))  # CUDA is initialised by the first photo.
    boxes: dict[str, tuple[BoundingBox, ...]] = {}
    started = time.perf_counter()
    for path in paths:
        image = cv2.imread(path)
        found = [] if image is None else app.get(image)
        boxes[path] = tuple(BoundingBox(*map(float, face.bbox)) for face in found)
    return LoopResult(time.perf_counter() - started, boxes)

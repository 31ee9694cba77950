"""The interface of all packs, which find the faces in photos.

`load_detector(resolve_pack("auto"))` loads the models. `prepare(path)` reads and decodes a photo,
in any thread. `detect([photo, ...])` runs the models, in one thread at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cluster.core.identity.faces import Face
from cluster.core.steps import StepTimes
from cluster.inference import Provider, Requested, pick_provider
from cluster.vision.packs.detector_options import INSIGHTFACE_SIZES, DetectorOptions, PreparedPhoto
from cluster.vision.packs.pack_files import BUNDLED, Pack

__all__ = [
    "INSIGHTFACE_SIZES",
    "DetectorOptions",
    "FaceDetector",
    "PreparedPhoto",
    "Provider",
    "choose_provider",
    "load_detector",
]


class FaceDetector(Protocol):
    """A loaded pack, which stores nothing of the photos that it has seen.

    `provider` runs the models. `photos_at_once` is the number of photos with which it is fastest.
    `times` adds up the seconds of the steps "detect" and "embed".
    """

    pack: Pack
    options: DetectorOptions
    provider: Provider
    photos_at_once: int
    times: StepTimes

    def prepare(self, path: str) -> PreparedPhoto:
        """Read and decode a photo, in any thread. Raises UnreachableImage or UnreadableImage."""
        ...

    def detect(self, photos: Sequence[PreparedPhoto]) -> list[tuple[Face, ...]]:
        """Return the faces of each photo, best first, in one thread at a time."""
        ...


def choose_provider(pack: Pack, requested: Requested = "auto") -> Provider:
    """Return the provider that would run a pack in this process, "CPU" or "CUDA"; for dlib, "CPU".

    Raises BadSetting if CUDA is requested and missing.
    """
    return "CPU" if pack.kind == BUNDLED else pick_provider(requested)


def load_detector(pack: Pack, options: DetectorOptions | None = None) -> FaceDetector:
    """Load a pack's models. Raises PackNotFound if its files are missing.

    Imports only the library that this kind of pack needs.
    """
    options = options or DetectorOptions()
    if pack.kind == BUNDLED:
        from cluster.vision.packs.dlib_pack import DlibDetector  # noqa: PLC0415

        return DlibDetector(pack, options)
    from cluster.vision.packs.insightface_pack import InsightFaceDetector  # noqa: PLC0415

    return InsightFaceDetector(pack, options)

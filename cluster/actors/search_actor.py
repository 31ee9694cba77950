"""An actor that finds the faces in an uploaded photo, for a search, and stores nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any, cast

import ray
from ray.actor import ActorHandle

from cluster.core.errors import HeadcountError, UnreadableImage
from cluster.core.identity.faces import PhotoFaces
from cluster.vision.packs.detector import DetectorOptions, FaceDetector, load_detector
from cluster.vision.packs.detector_options import PreparedPhoto
from cluster.vision.packs.pack_files import Pack
from cluster.vision.photos.images import OpenedImage, open_image
from cluster.vision.sources.deadlines import TimeOver, is_overloaded, say_time_over, wait_for

PHOTO = "The photo"
MAX_WAITING = 16
"""The most calls that may wait, because each of them holds a photo in memory."""


LONGEST_READ_S = 60.0
"""The time limit for an uploaded photo, even if photos of the library may take longer.

A user waits for the answer.
"""


class NotReadInTime(UnreadableImage):
    """The uploaded photo was not decoded within its time limit."""


class SearchOverloaded(HeadcountError):
    """The actor is still decoding the photo of an earlier call; use another actor."""

    def __init__(self) -> None:
        super().__init__("The search is still busy with a photo that takes too long.")


class FaceSearch:
    """Finds the faces in uploaded photos with one detector."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector

    def find_faces(self, data: bytes) -> PhotoFaces:
        """Return the faces in a photo's bytes, best first, without their crops.

        Raises UnreadableImage. After NotReadInTime the actor must be replaced; until then, it
        raises SearchOverloaded.
        """
        if is_overloaded():
            raise SearchOverloaded
        image = self._open(data)
        (faces,) = self._detector.detect([PreparedPhoto(PHOTO, data, image)])
        return PhotoFaces(image.width, image.height, tuple(replace(f, crop=b"") for f in faces))

    def _open(self, data: bytes) -> OpenedImage:
        options = self._detector.options
        timeout_s = min(options.timeout_s, LONGEST_READ_S)
        work = partial(
            open_image,
            data,
            path=PHOTO,
            long_side_px=options.decode_long_side_px,
            max_pixels=options.max_pixels,
        )
        try:
            return wait_for(timeout_s, work)
        except TimeOver:
            raise NotReadInTime(PHOTO, say_time_over(timeout_s)) from None


@ray.remote(max_restarts=0, num_cpus=0, max_pending_calls=MAX_WAITING)
class FaceSearchActor(FaceSearch):
    """`FaceSearch` as a Ray actor; it loads the models when it starts."""

    def __init__(self, pack: Pack, options: DetectorOptions) -> None:
        super().__init__(load_detector(pack, options))


def start_face_search(pack: Pack, options: DetectorOptions) -> ActorHandle:
    """Start an actor and return its handle; the actor ends when no process refers to it."""
    named = cast(Any, FaceSearchActor).options(name=f"search[{pack.name}]#{time.time_ns()}")
    handle: ActorHandle = named.remote(pack, options)
    return handle

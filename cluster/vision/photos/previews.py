"""Makes previews: photos large enough to fill a screen, made from the file on request."""

from __future__ import annotations

import functools
import hashlib
from functools import partial

import cv2

from cluster.core.defaults import MAX_FILE_BYTES, MAX_PIXELS, PHOTO_TIMEOUT_S
from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.vision.photos.images import open_image, shrink
from cluster.vision.photos.subprocesses import ProcessLost, SideProcesses
from cluster.vision.sources.deadlines import TimeOver, say_time_over
from cluster.vision.sources.photo_bytes import read_photo

PREVIEW_LONG_SIDE_PX = 1600
PREVIEW_QUALITY = 85


def make_preview(
    path: str,
    sha256: bytes,
    *,
    max_bytes: int = MAX_FILE_BYTES,
    max_pixels: int = MAX_PIXELS,
    timeout_s: float = PHOTO_TIMEOUT_S,
) -> bytes:
    """Return a photo as a JPEG, upright, at most PREVIEW_LONG_SIDE_PX wide and high.

    `sha256` is the digest of the indexed bytes. A file with other bytes is not shown, because it is
    not the photo that was indexed. Raises UnreadableImage, and UnreachableImage if the file is
    gone, changed, or not read within `timeout_s`.

    Another process reads the photo. It is killed if it takes too long.
    """
    work = partial(draw_preview, path, sha256, max_bytes=max_bytes, max_pixels=max_pixels)
    try:
        return _side_processes().run(work, timeout_s=timeout_s)
    except TimeOver:
        raise UnreachableImage(path, say_time_over(timeout_s)) from None
    except ProcessLost:
        raise UnreadableImage(path, "it crashes the process that reads it") from None


def draw_preview(path: str, sha256: bytes, *, max_bytes: int, max_pixels: int) -> bytes:
    """Make the preview in this process, without a time limit."""
    data = read_photo(path, max_bytes=max_bytes)
    if hashlib.sha256(data).digest() != sha256:
        raise UnreachableImage(path, "the file has changed since it was read")
    image = open_image(data, path=path, long_side_px=PREVIEW_LONG_SIDE_PX, max_pixels=max_pixels)
    pixels = shrink(image, long_side_px=PREVIEW_LONG_SIDE_PX).pixels
    options = [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY, cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def load() -> None:
    """Do nothing, because the import of this module has loaded everything that a preview needs."""


@functools.cache
def _side_processes() -> SideProcesses:
    return SideProcesses(load)

"""A photo large enough to fill a screen: made when somebody looks, from the file, kept nowhere."""

from __future__ import annotations

import hashlib

import cv2

from cluster.core.errors import UnreachableImage
from cluster.vision.deadlines import DEFAULT_TIMEOUT_S, within
from cluster.vision.images import DEFAULT_MAX_PIXELS, open_image, shrink
from cluster.vision.sources import DEFAULT_MAX_BYTES, read_photo

PREVIEW_LONG_SIDE_PX = 1600
PREVIEW_QUALITY = 85


def make_preview(
    path: str,
    sha256: bytes,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> bytes:
    """Return a photo as a JPEG, upright, at most PREVIEW_LONG_SIDE_PX wide and high.

    `sha256` is that of the content which the library knows. A file with another content is not
    shown: it is not the photo that was indexed, whoever put it there. Raises UnreadableImage, and
    UnreachableImage when the file is gone, changed, or does not answer for `timeout_s`.
    """

    def make() -> bytes:
        data = read_photo(path, max_bytes=max_bytes)
        if hashlib.sha256(data).digest() != sha256:
            raise UnreachableImage(path, "the file has changed since it was read")
        image = open_image(
            data, path=path, long_side_px=PREVIEW_LONG_SIDE_PX, max_pixels=max_pixels
        )
        pixels = shrink(image, long_side_px=PREVIEW_LONG_SIDE_PX).pixels
        options = [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY, cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
        return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes()

    return within(timeout_s, path, make)

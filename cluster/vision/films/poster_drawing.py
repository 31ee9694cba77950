"""Draws the poster of a film: decodes one frame and encodes it as a JPEG."""

from __future__ import annotations

import cv2

from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.vision.films.film_cursor import open_film
from cluster.vision.films.film_facts import find_poster
from cluster.vision.photos.previews import PREVIEW_LONG_SIDE_PX, PREVIEW_QUALITY
from cluster.vision.sources.film_files import digest_film


def draw_poster(path: str, sha256: bytes, *, max_pixels: int) -> bytes:
    """Make the poster in this process, without a time limit."""
    if digest_film(path) != sha256:
        raise UnreachableImage(path, "the file has changed since it was read")
    with open_film(path, max_pixels=max_pixels) as film:
        frame = find_poster(film, film.digest()[1])
        if frame is None:
            raise UnreadableImage(path, "a film of which no frame can be decoded")
        pixels = film.to_image(frame.frame, long_side_px=PREVIEW_LONG_SIDE_PX).pixels
    options = [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY, cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def load() -> None:
    """Do nothing, because the import of this module has loaded everything that a poster needs."""

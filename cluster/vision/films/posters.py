"""Makes the poster of a film, one of its frames as a JPEG, from the file."""

from __future__ import annotations

import functools
from functools import partial

import cv2

from cluster.core.defaults import MAX_PIXELS, PHOTO_TIMEOUT_S
from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.vision.films.film_cursor import open_film
from cluster.vision.films.film_facts import find_poster
from cluster.vision.photos.previews import PREVIEW_LONG_SIDE_PX, PREVIEW_QUALITY
from cluster.vision.photos.subprocesses import ProcessLost, SideProcesses
from cluster.vision.sources.deadlines import TimeOver, say_time_over
from cluster.vision.sources.film_files import digest_film


def make_poster(
    path: str, sha256: bytes, *, max_pixels: int = MAX_PIXELS, timeout_s: float = PHOTO_TIMEOUT_S
) -> bytes:
    """Return a frame of a film as a JPEG, upright, at most PREVIEW_LONG_SIDE_PX wide and high.

    As with the preview of a photo, `sha256` is the digest of the indexed bytes, and another process
    reads the file. Raises UnreadableImage, and UnreachableImage if the file is gone, changed, or
    not read within `timeout_s`.
    """
    work = partial(draw_poster, path, sha256, max_pixels=max_pixels)
    try:
        return _side_processes().run(work, timeout_s=timeout_s)
    except TimeOver:
        raise UnreachableImage(path, say_time_over(timeout_s)) from None
    except ProcessLost:
        raise UnreadableImage(path, "it crashes the process that reads it") from None


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


@functools.cache
def _side_processes() -> SideProcesses:
    return SideProcesses(load)

"""Makes the stored pictures of films again: thumbnails, and pictures of faces."""

from __future__ import annotations

from cluster.core.defaults import FILM_TIMEOUT_S, MAX_PIXELS
from cluster.core.identity.faces import BoundingBox
from cluster.vision.films.film_cursor import (
    FRAME_LONG_SIDE_PX,
    FilmCursor,
    FilmFrame,
    open_film,
    upright_shape,
)
from cluster.vision.films.film_facts import read_facts
from cluster.vision.photos.crops import cut_crop
from cluster.vision.relations.fingerprints import make_thumbnail
from cluster.vision.sources.deadlines import within
from cluster.vision.sources.film_files import digest_film

SAME_FRAME_S = 0.005
"""Tolerance for the times of frames, which are reproducible, but stored with 32 bits."""


def remake_film_picture(
    path: str, *, sha256: bytes, box: BoundingBox | None, time_s: float | None
) -> bytes | None:
    """Return a film's thumbnail, or the picture of the face in `box` at `time_s`, as JPEG.

    `box` is in pixels of the upright full-size frame. None if the file has other bytes now, or if
    no frame at that time can be decoded. Raises UnreachableImage or UnreadableImage.
    """
    return within(FILM_TIMEOUT_S, path, lambda: _remake(path, sha256, box, time_s))


def _remake(
    path: str, sha256: bytes, box: BoundingBox | None, time_s: float | None
) -> bytes | None:
    if digest_film(path) != sha256:
        return None
    with open_film(path, max_pixels=MAX_PIXELS) as film:
        if box is None or time_s is None:
            return make_thumbnail(read_facts(film, path=path).poster)
        found = _find_frame(film, time_s)
        if found is None:
            return None
        image = film.to_image(found.frame, long_side_px=FRAME_LONG_SIDE_PX)
        whole = upright_shape(found.frame, film.stream)
        return cut_crop(image.pixels, box.scaled(max(image.width, image.height) / max(whole)))


def _find_frame(film: FilmCursor, time_s: float) -> FilmFrame | None:
    """Return the frame at a time; if seeking finds another one, all frames are searched."""
    for start_s in (time_s, 0.0):
        film.seek(start_s)
        for frame in film.frames():
            if abs(frame.time_s - time_s) <= SAME_FRAME_S:
                return frame
            if frame.time_s > time_s:
                break
    return None

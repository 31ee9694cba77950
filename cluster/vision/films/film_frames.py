"""Yields the frames of a film that are searched, as upright pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.vision.films.film_cursor import FRAME_LONG_SIDE_PX, upright_shape
from cluster.vision.films.film_sampling import open_sampler
from cluster.vision.photos.images import OpenedImage
from cluster.vision.sources.deadlines import begin_computing


@dataclass(frozen=True, slots=True)
class FilmPicture:
    """A frame as a picture; `scale` is its size relative to the full-size frame."""

    time_s: float
    image: OpenedImage
    scale: float


def list_pictures(
    path: str, *, max_pixels: int, duration_s: float, frames: int
) -> Iterator[FilmPicture]:
    """Yield the frames that are searched, at most `frames`, in the order of their times.

    Each frame is decoded when it is needed. Raises UnreadableImage and UnreachableImage.
    """
    with open_sampler(path, max_pixels=max_pixels, duration_s=duration_s, frames=frames) as sampler:
        for frame in sampler.sample():
            image = sampler.film.to_image(frame.frame, long_side_px=FRAME_LONG_SIDE_PX)
            width, height = upright_shape(frame.frame, sampler.film.stream)
            scale = max(image.width, image.height) / max(width, height)
            yield FilmPicture(frame.time_s, image, scale)
            begin_computing()

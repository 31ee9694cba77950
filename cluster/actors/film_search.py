"""Searches one film for faces, frame after frame, and keeps the best face of each person."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cluster.core.defaults import MIN_QUALITY
from cluster.core.errors import UnreachableImage
from cluster.core.files.paths import is_url
from cluster.core.identity.faces import Face, Landmarks
from cluster.core.pictures.film_places import FILM_REPORT_S, FilmPlace, find_place
from cluster.core.pictures.films import FilmLimits
from cluster.core.pictures.photos import Item
from cluster.numerics.film_people import choose_best
from cluster.vision.packs.detector import FaceDetector, PreparedPhoto
from cluster.vision.packs.pack_thresholds import find_thresholds
from cluster.vision.sources.deadlines import say_time_over, within
from cluster.vision.sources.film_files import digest_film

if TYPE_CHECKING:
    from cluster.vision.films.film_frames import FilmPicture


class SearchStopped(Exception):
    """A user stopped the session while a film was being searched."""


@dataclass(frozen=True, slots=True)
class FilmSearch:
    """Searches films with one detector.

    `tell` is called with the position in the film, at most once in FILM_REPORT_S seconds.
    """

    detector: FaceDetector
    limits: FilmLimits
    clock: Callable[[], float] = time.monotonic
    tell: Callable[[FilmPlace], object] = lambda place: None

    def search(self, item: Item, *, is_stopped: Callable[[], bool]) -> tuple[Face, ...]:
        """Return the best face of each person in a film, ordered by time.

        `is_stopped` is called before each frame. Raises UnreadableImage, UnreachableImage or
        SearchStopped. Frames are decoded one at a time, not ahead, in the thread that reads with a
        time limit.
        """
        # Imported here, because FFmpeg is slow to load, and many libraries have no films.
        from cluster.vision.films.film_frames import list_pictures  # noqa: PLC0415

        ends_at = self.clock() + self.limits.timeout_s
        path, max_pixels = item.path, self.detector.options.max_pixels
        self._check_unchanged(item)
        pictures = list_pictures(
            path,
            max_pixels=max_pixels,
            duration_s=item.duration_s or 0.0,
            frames=self.limits.frames,
        )
        found: list[tuple[int, Face]] = []
        told_at = self.clock()
        try:
            for number in itertools.count():
                if is_stopped():
                    raise SearchStopped
                left_s = max(0.0, ends_at - self.clock())
                with self.detector.times.timing("decode"):
                    picture = within(left_s, path, partial(next, pictures, None))
                if picture is None:
                    break
                found += [(number, face) for face in self._detect(path, picture)]
                if self.clock() - told_at >= FILM_REPORT_S:
                    told_at = self.clock()
                    self._tell_place(item, picture)
        except UnreachableImage as error:
            if self.clock() < ends_at:
                raise
            raise UnreachableImage(path, say_time_over(self.limits.timeout_s)) from error
        return self._choose(found)

    def _tell_place(self, item: Item, picture: FilmPicture) -> None:
        duration_s = item.duration_s or 0.0
        self.tell(find_place(item.path, time_s=picture.time_s, duration_s=duration_s))

    def _check_unchanged(self, item: Item) -> None:
        """Raise UnreachableImage if the file has changed since training read it.

        A file behind a URL is not checked, because it would have to be fetched again.
        """
        if item.sha256 is None or is_url(item.path):
            return
        digest = within(self.limits.timeout_s, item.path, partial(digest_film, item.path))
        if digest != item.sha256:
            raise UnreachableImage(item.path, "the file has changed since it was read")

    def _detect(self, path: str, picture: FilmPicture) -> Iterator[Face]:
        photo = PreparedPhoto(path, None, picture.image)
        for face in self.detector.detect([photo])[0]:
            yield place_in_film(face, picture)

    def _choose(self, found: list[tuple[int, Face]]) -> tuple[Face, ...]:
        if not found:
            return ()
        faces = [face for _, face in found]
        rows = choose_best(
            np.stack([np.frombuffer(face.embedding, "<f4") for face in faces]),
            np.array([number for number, _ in found], dtype=np.int64),
            np.array([face.quality for face in faces], dtype=np.float32),
            pack=find_thresholds(self.detector.pack.name),
            min_quality=MIN_QUALITY,
        )
        return tuple(faces[row] for row in rows)


def place_in_film(face: Face, picture: FilmPicture) -> Face:
    """Return a face of a frame with its time, and with its box in the full-size frame."""
    points: Landmarks = tuple((x / picture.scale, y / picture.scale) for x, y in face.landmarks)
    return replace(
        face, box=face.box.scaled(1 / picture.scale), landmarks=points, time_s=picture.time_s
    )

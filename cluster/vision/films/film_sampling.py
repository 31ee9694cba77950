"""Chooses the frames of a film that are searched, by the rules in cluster/core/pictures/films.py.

One cursor decodes only keyframes, because encoders place a keyframe at the beginning of a scene.
Another cursor decodes frames between keyframes that are far apart. In a long film, the first cursor
seeks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation

from cluster.core.pictures.films import HOPPING_S, SPACING_S, choose_spacing_s
from cluster.vision.films.film_cursor import FilmCursor, FilmFrame, open_film

SCENE_DIFFERENCE = 20.0
"""The least mean difference between frames of two scenes, in levels of grey."""

SCENE_SHARE = 0.25
"""The least share of pixels that differ between the brightness histograms of two scenes.

A pan only moves bright and dark areas, while a cut changes their amounts."""

_LEVELS = np.arange(0, 257, 32)

_MIN_SCENE_S = 0.3
_SIGNATURE_PX = (32, 18)

Signature = npt.NDArray[np.int16]


@contextmanager
def open_sampler(
    path: str, *, max_pixels: int, duration_s: float, frames: int
) -> Iterator[Sampler]:
    """Open a film for sampling, and close it after the block. Raises as open_film does."""
    with (
        open_film(path, max_pixels=max_pixels) as keys,
        open_film(path, max_pixels=max_pixels) as between,
    ):
        yield Sampler(keys, between, duration_s=duration_s, frames=frames)


class Sampler:
    """Samples at most `frames` frames of a film; `film` is the cursor of its keyframes."""

    def __init__(
        self, keys: FilmCursor, between: FilmCursor, *, duration_s: float, frames: int
    ) -> None:
        self.film = self._keys = keys
        self._run = _Run(between)
        self._duration_s, self._left = duration_s, frames
        self._taken_s = -1.0
        self._seen: Signature | None = None

    def sample(self) -> Iterator[FilmFrame]:
        """Yield the frames to search, in the order of their times."""
        hops = self._duration_s / max(1, self._left) > HOPPING_S
        for frame in self._hop() if hops else self._walk():
            self._left -= 1
            self._taken_s, self._seen = frame.time_s, sign(frame)
            yield frame
            if self._left <= 0:
                return

    @property
    def _next_s(self) -> float:
        """The latest time of the next frame, in seconds."""
        if self._taken_s < 0:
            return 0.0
        return self._taken_s + choose_spacing_s(
            duration_s=self._duration_s, taken_at_s=self._taken_s, frames_left=self._left
        )

    def _walk(self) -> Iterator[FilmFrame]:
        """Look at every keyframe; yield scenes, and the last frame before each gap."""
        passed: FilmFrame | None = None
        key_s = 0.0
        for key in self._keys.keyframes():
            if key.time_s <= self._taken_s:
                continue
            if passed is not None and key.time_s > self._next_s:
                yield passed
            yield from self._fill(key_s, until_s=key.time_s)
            passed, key_s = key, key.time_s
            if self._taken_s < 0 or self._is_scene(key):
                yield key
                passed = None
        if passed is not None:
            yield passed
        yield from self._fill(key_s, until_s=self._duration_s)

    def _fill(self, key_s: float, *, until_s: float) -> Iterator[FilmFrame]:
        """Yield frames after the keyframe at `key_s` as long as the next is before `until_s`.

        A film whose keyframes cannot be decoded begins here.
        """
        while self._next_s < until_s:
            found = self._run.advance(key_s, self._taken_s, is_taken=self._is_due)
            if found is None or found.time_s >= until_s:
                return
            yield found

    def _hop(self) -> Iterator[FilmFrame]:
        """Seek to each time, and yield the keyframe before it, or a frame after that keyframe."""
        while self._next_s < self._duration_s:
            found: FilmFrame | None = None
            if self._keys.seek(self._next_s):
                found = next(self._keys.keyframes(), None)
            if found is None or found.time_s <= self._taken_s:
                key_s = 0.0 if found is None else found.time_s
                found = self._run.advance(key_s, self._taken_s, is_taken=self._is_late)
            if found is None:
                return
            yield found

    def _is_late(self, frame: FilmFrame) -> bool:
        return frame.time_s >= self._next_s

    def _is_due(self, frame: FilmFrame) -> bool:
        return self._is_late(frame) or self._is_scene(frame)

    def _is_scene(self, frame: FilmFrame) -> bool:
        spare = self._left - (self._duration_s - frame.time_s) / SPACING_S
        if self._seen is None or spare < 1 or frame.time_s < self._taken_s + _MIN_SCENE_S:
            return False
        return differs(sign(frame), self._seen)


class _Run:
    """Decodes frame by frame, and continues from its last position unless a keyframe saves work."""

    def __init__(self, cursor: FilmCursor) -> None:
        self._cursor = cursor
        self._frames: Iterator[FilmFrame] = iter(())
        self._at_s = -1.0

    def advance(
        self, key_s: float, after_s: float, *, is_taken: Callable[[FilmFrame], bool]
    ) -> FilmFrame | None:
        """Return the first frame after `after_s` that `is_taken` accepts; None at the film's end.

        `key_s` is the time of the last known keyframe at or before `after_s`.
        """
        if not key_s <= self._at_s <= after_s:
            self._cursor.seek(key_s)
            self._frames = self._cursor.frames()
        for frame in self._frames:
            self._at_s = frame.time_s
            if frame.time_s > after_s and is_taken(frame):
                return frame
        return None


def sign(frame: FilmFrame) -> Signature:
    """Return a frame as a small picture in grey, int16 (18, 32)."""
    width, height = _SIGNATURE_PX
    small = frame.frame.reformat(
        width=width, height=height, format="gray", interpolation=Interpolation.AREA
    )
    return small.to_ndarray().astype(np.int16)


def differs(one: Signature, other: Signature) -> bool:
    """Tell whether two frames belong to different scenes."""
    if np.abs(one - other).mean() < SCENE_DIFFERENCE:
        return False
    counts = [np.histogram(frame, bins=_LEVELS)[0] for frame in (one, other)]
    return bool(np.abs(counts[0] - counts[1]).sum() >= 2 * SCENE_SHARE * one.size)

"""Reads the facts of a film: its length, its size, its time, and one of its frames."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from cluster.core.errors import UnreadableImage
from cluster.vision.films.film_cursor import (
    FRAME_LONG_SIDE_PX,
    FilmCursor,
    FilmFrame,
    find_orientation,
    upright_shape,
)
from cluster.vision.photos.images import OpenedImage

_POSTER_SHARES = (0.1, 0.3, 0.5, 0.0)
_LEAST_CONTRAST = 12.0
"""The least standard deviation, in levels, of a frame that shows something; a fade has less."""

_LOCAL_TIMES = ("com.apple.quicktime.creationdate", "creationdate", "date")
_UTC_TIME = "creation_time"
_UNSET_YEARS = (1904, 1970)
"""The first years of MP4's and Unix's time, which come from a clock that was never set."""


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """A film: `width` and `height` of an upright frame, `duration_s`, and its `poster`.

    `content` is a digest of its coded pictures and their orientation (32 bytes).

    `taken_at` is local time without a zone: that of the camera if the film has it, or else the time
    in UTC converted to the zone of this machine.
    """

    width: int
    height: int
    duration_s: float
    taken_at: datetime | None
    poster: OpenedImage
    content: bytes


def read_facts(film: FilmCursor, *, path: str) -> FilmFacts:
    """Return the facts of a film that was opened. Raises UnreadableImage.

    The length is that of the existing pictures, whatever the film claims.
    """
    coded, duration_s = film.digest()
    frame = find_poster(film, duration_s)
    if frame is None:
        raise UnreadableImage(path, "a film of which no frame can be decoded")
    width, height = upright_shape(frame.frame, film.stream)
    poster = film.to_image(frame.frame, long_side_px=FRAME_LONG_SIDE_PX)
    stream = {**film.container.metadata, **film.stream.metadata}
    turn = find_orientation(frame.frame)
    content = hashlib.sha256(b"film:%d:" % turn + coded).digest()
    duration_s = max(duration_s, frame.time_s)
    return FilmFacts(width, height, duration_s, find_taken_at(stream), poster, content)


def find_poster(film: FilmCursor, duration_s: float) -> FilmFrame | None:
    """Return the first of a few frames that shows something, or else any frame."""
    any_frame: FilmFrame | None = None
    for share in _POSTER_SHARES:
        film.seek(share * duration_s)
        frame = next(film.keyframes(), None)
        if frame is None:
            film.seek(0.0)
            frame = next(film.frames(), None)
        if frame is not None and _shows_something(frame):
            return frame
        any_frame = any_frame or frame
    return any_frame


def _shows_something(frame: FilmFrame) -> bool:
    small = frame.frame.reformat(width=64, height=36, format="gray").to_ndarray()
    return bool(small.std() >= _LEAST_CONTRAST)


def find_taken_at(metadata: Mapping[str, str]) -> datetime | None:
    """Return when a film was taken, from its metadata; None if unknown."""
    names = {name.lower(): value for name, value in metadata.items()}
    for name in _LOCAL_TIMES:
        if (moment := _parse(names.get(name))) is not None:
            return moment.replace(tzinfo=None)
    moment = _parse(names.get(_UTC_TIME))
    if moment is None:
        return None
    with suppress(OverflowError, OSError, ValueError):
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.astimezone().replace(tzinfo=None)
    return None


def _parse(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    is_set = moment.year not in _UNSET_YEARS or (moment.month, moment.day) != (1, 1)
    is_full = len((text or "").strip()) > len("2020-01-01")
    return moment if is_set and is_full and 1900 <= moment.year < 2200 else None

"""Decides which frames of a film are searched, and limits that work.

A frame is searched at least every SPACING_S seconds and at each new scene, up to `frames` frames.
If a film is too long for this, the frames are spread over its whole length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cluster.core.defaults import FILM_FRAMES, FILM_TIMEOUT_S
from cluster.core.files.suffixes import is_film_name
from cluster.core.pictures.photos import Item

SPACING_S = 2.0
"""People seldom come and go within two seconds."""

HOPPING_S = 5.0
"""From this spacing on, seeking to each frame is cheaper than decoding every keyframe."""


@dataclass(frozen=True, slots=True)
class FilmLimits:
    """The limits for a film: how many frames are searched, and the seconds for all of them.

    `timeout_s` is also the time limit of training for reading the file.
    """

    frames: int = FILM_FRAMES
    timeout_s: float = FILM_TIMEOUT_S


def choose_spacing_s(*, duration_s: float, taken_at_s: float, frames_left: int) -> float:
    """Return the maximum seconds to the next frame, so that `frames_left` reach the film's end."""
    if frames_left <= 0:
        return math.inf
    return max(SPACING_S, (duration_s - taken_at_s) / frames_left)


def is_film_item(item: Item) -> bool:
    """Tell whether an item is a film: it was read as one, or has the suffix of one."""
    return item.duration_s is not None or (item.image_id is None and is_film_name(item.path))

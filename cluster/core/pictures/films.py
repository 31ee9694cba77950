"""Which frames of a film are searched, and the limits of that work.

A frame is searched at least every SPACING_S, and where a scene begins, until `frames` are searched.
In a film that is too long for that, the frames are spread over its whole length.
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
"""From this spacing on, seeking to each frame is cheaper than looking at every keyframe."""


@dataclass(frozen=True, slots=True)
class FilmLimits:
    """How much work a film may be: frames that are searched, and seconds for all of them.

    `timeout_s` is also the time within which training must have read the file.
    """

    frames: int = FILM_FRAMES
    timeout_s: float = FILM_TIMEOUT_S


def choose_spacing_s(*, duration_s: float, taken_at_s: float, frames_left: int) -> float:
    """Return the most seconds to the next frame, so that `frames_left` reach to the film's end."""
    if frames_left <= 0:
        return math.inf
    return max(SPACING_S, (duration_s - taken_at_s) / frames_left)


def is_film_item(item: Item) -> bool:
    """Tell whether an item is a film: it was read as one, or it is called like one."""
    return item.duration_s is not None or (item.image_id is None and is_film_name(item.path))

"""Strips: parts of a very wide or tall photo that are searched for faces separately.

A photo is searched in an input with a fixed long side, so a panorama would be shrunk so far that
small faces are lost. Therefore a photo with an aspect ratio of more than MOST_ASPECT is cut into
overlapping strips with the shape of an ordinary photo. The whole photo is searched as well, for
faces that no strip contains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.vision.photos.images import OpenedImage

MOST_ASPECT = 2.5
"""Photos with at most this aspect ratio have no strips.

Screenshots and photos of phones go up to 21:9.
"""

STRIP_ASPECT = 4 / 3
OVERLAP = 0.5
"""The overlap of two strips, in short sides. A face of this width is complete in one of them."""

MAX_STRIPS = 24
"""Limits the work for one photo: instead of more strips, a photo gets longer ones."""

LEAST_SHORT_SIDE_PX = 40

_SAME_FACE_SHARE = 0.6
"""Boxes of two searches show one face if they share this part of the smaller one, because strips
cut faces."""

_CORE_MARGIN = 0.1

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Strip:
    """A part of a photo along its long side, in pixels of the full-size photo.

    It reaches from `start` to `end`. It is responsible for faces with their centre between `first`
    and `last`.
    """

    start: float
    end: float
    first: float
    last: float
    is_down: bool

    def holds(self, boxes: Floats) -> npt.NDArray[np.bool_]:
        """Return a mask of the boxes (n, 4), in full-size pixels, that belong to this strip."""
        axis = int(self.is_down)
        centres = (boxes[:, axis] + boxes[:, axis + 2]) / 2
        return np.asarray((centres >= self.first) & (centres <= self.last), np.bool_)


def plan_strips(width: int, height: int) -> tuple[Strip, ...]:
    """Return the strips of a photo of this size; none for an ordinary shape."""
    long, short = max(width, height), min(width, height)
    if long <= MOST_ASPECT * short or short < LEAST_SHORT_SIDE_PX:
        return ()
    length, shared = STRIP_ASPECT * short, OVERLAP * short
    count = int(np.ceil((long - length) / (length - shared))) + 1
    if count > MAX_STRIPS:
        count = MAX_STRIPS
        length = (long + (count - 1) * shared) / count
    starts = np.linspace(0, long - length, count)
    margin, size = (1 - _CORE_MARGIN) * shared / 2, (width, height)
    return tuple(_make_strip(float(start), length, size, margin=margin) for start in starts)


def _make_strip(start: float, length: float, size: tuple[int, int], *, margin: float) -> Strip:
    end = start + length
    first = start + margin if start > 0 else -np.inf
    last = end - margin if end < max(size) - 1 else np.inf
    return Strip(start, end, float(first), float(last), is_down=size[1] > size[0])


def find_long_side(width: int, height: int, strips: tuple[Strip, ...], *, side_px: int) -> int:
    """Return the long side at which each strip of a photo is `side_px` long."""
    length = strips[0].end - strips[0].start
    return int(np.ceil(side_px * max(width, height) / length))


def cut_strip(image: OpenedImage, strip: Strip) -> tuple[OpenedImage, tuple[float, float]]:
    """Return a strip as a photo of its own, and its left and top in pixels of `image`."""
    axis = 0 if strip.is_down else 1
    side = image.pixels.shape[axis]
    scale = side / (image.height if strip.is_down else image.width)
    start, end = max(0, int(strip.start * scale)), min(side, int(np.ceil(strip.end * scale)))
    part = image.pixels[start:end] if strip.is_down else image.pixels[:, start:end]
    full = max(1, round((end - start) / scale))
    width, height = (image.width, full) if strip.is_down else (full, image.height)
    place = (0.0, float(start)) if strip.is_down else (float(start), 0.0)
    return OpenedImage(np.ascontiguousarray(part), width, height), place


def choose_faces(boxes: Floats, scores: Floats, looks: npt.NDArray[np.int64]) -> list[int]:
    """Return the indices of the boxes (n, 4) to keep so that no face occurs twice, best first.

    `looks` (n,) are the numbers of the searches that found them, 0 for the whole photo. If a strip
    shows the same face, the box of the strip is kept, because it has more detail.
    """
    kept: list[int] = []
    for index in np.lexsort((-scores, looks == 0)):
        others = [one for one in kept if looks[one] != looks[index]]
        if not others or _share_of_smaller(boxes[index], boxes[others]).max() < _SAME_FACE_SHARE:
            kept.append(int(index))
    return sorted(kept, key=lambda one: -scores[one])


def _share_of_smaller(box: Floats, others: Floats) -> Floats:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).clip(min=0).prod(axis=1)
    smaller = np.minimum(areas, (box[2:] - box[:2]).clip(min=0).prod())
    return np.asarray(shared / np.maximum(smaller, 1e-9), np.float32)

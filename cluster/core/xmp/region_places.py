"""Converts face regions between the stored and the upright picture, and checks that they fit.

The Metadata Working Group (Guidelines for Handling Image Metadata 2.0, section 5.9) measures
regions in the picture as it is stored, before it is turned by its EXIF orientation, and says in
AppliedToDimensions which picture that was. Some programs measure in the upright picture; their
dimensions have its aspect, which tells them apart where the turn exchanges width and height. For
the other turns, and for a square picture, the standard holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.placements import has_swapped_sides, invert_turn, turning

ASPECT_TOLERANCE = 0.02
"""A picture that was resized keeps its aspect up to the rounding of its sides."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: the size of its upright form in pixels, and its EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int = 1

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels, upright."""
        return float(self.width), float(self.height)

    @property
    def stored_size(self) -> tuple[float, float]:
        """Width and height in pixels as the file stores it."""
        width, height = self.size
        return (height, width) if has_swapped_sides(self.orientation) else (width, height)


class Frame(StrEnum):
    """The picture in which regions were measured: as stored, upright, or of another shape."""

    STORED = "stored"
    UPRIGHT = "upright"
    OTHER = "other"


def find_frame(applied: tuple[float, float] | None, picture: Picture) -> Frame:
    """Return the frame of regions that apply to a picture of this size.

    OTHER if the picture has another shape now, because it was cropped or turned later. Without a
    size, the standard holds.
    """
    if applied is None:
        return Frame.STORED
    if applied == picture.stored_size:
        return Frame.STORED
    if applied == picture.size:
        return Frame.UPRIGHT
    if _has_aspect(applied, picture.stored_size):
        return Frame.STORED
    return Frame.UPRIGHT if _has_aspect(applied, picture.size) else Frame.OTHER


def make_upright(box: BoundingBox, orientation: int) -> BoundingBox:
    """Convert a box from fractions of the stored picture to fractions of the upright one."""
    return turning(orientation, 1.0, 1.0).place_box(box)


def make_stored(box: BoundingBox, orientation: int) -> BoundingBox:
    """Convert a box from fractions of the upright picture to fractions of the stored one."""
    return turning(invert_turn(orientation), 1.0, 1.0).place_box(box)


def to_fractions(box: BoundingBox, picture: Picture) -> BoundingBox:
    """Convert a box from pixels of the upright picture to fractions."""
    width, height = max(1, picture.width), max(1, picture.height)
    return BoundingBox(box.left / width, box.top / height, box.right / width, box.bottom / height)


def to_pixels(box: BoundingBox, picture: Picture) -> BoundingBox:
    """Convert a box from fractions of the upright picture to pixels."""
    width, height = picture.width, picture.height
    return BoundingBox(box.left * width, box.top * height, box.right * width, box.bottom * height)


def clip(box: BoundingBox) -> BoundingBox:
    """Return the part of a box, in fractions, that is within the picture; it may be empty."""
    sides = (box.left, box.top, box.right, box.bottom)
    return BoundingBox(*(min(1.0, max(0.0, side)) for side in sides))


def _has_aspect(size: tuple[float, float], other: tuple[float, float]) -> bool:
    if min(*size, *other) <= 0:
        return False
    # A side of a small picture may be off by the rounding to a whole pixel.
    tolerance = ASPECT_TOLERANCE + 0.5 / min(*size, *other)
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= tolerance

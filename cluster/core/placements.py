"""Where a picture lies in another one, and how the one came of the other.

A turn is a code from 1 to 8, as in EXIF (CIPA DC-008, Orientation): what has to be done with a
picture so that it stands as the other one does. 1 leaves it, 2 mirrors it left to right, 3 turns
it by 180 degrees, 4 mirrors it top to bottom, 6 turns it clockwise and 8 anticlockwise; 5 and 7
mirror it along its two diagonals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cluster.core.faces import BoundingBox, Landmarks

NO_TURN = 1

_MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, -1, 1, 0),
    7: (0, -1, -1, 0),
    8: (0, 1, -1, 0),
}
_TURNS = {matrix: turn for turn, matrix in _MATRICES.items()}

_MIRRORED_LANDMARKS = (1, 0, 2, 4, 3)
"""In a mirror the left eye is the right one, and so are the corners of the mouth."""


class Likeness(StrEnum):
    """What a new picture is to an old one.

    `equal`: the same pixels, perhaps turned by quarter turns or mirrored, so that nothing need be
    detected again. `same`: saved again, resized or compressed. `part`: cropped or edited.
    """

    EQUAL = "equal"
    SAME = "same"
    PART = "part"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where points of a picture lie in another one, in pixels of both, upright and of full size.

    x' = xx * x + xy * y + x0 and y' = yx * x + yy * y + y0.
    """

    xx: float
    xy: float
    x0: float
    yx: float
    yy: float
    y0: float

    @property
    def is_mirrored(self) -> bool:
        """Left and right have changed sides."""
        return self.xx * self.yy - self.xy * self.yx < 0

    def place_point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies."""
        return (
            self.xx * x + self.xy * y + self.x0,
            self.yx * x + self.yy * y + self.y0,
        )

    def place_box(self, box: BoundingBox) -> BoundingBox:
        """Return the smallest upright box around a placed one."""
        corners = self._place((x, y) for x in (box.left, box.right) for y in (box.top, box.bottom))
        across, down = zip(*corners, strict=True)
        return BoundingBox(min(across), min(down), max(across), max(down))

    def place_points(self, points: Landmarks) -> Landmarks:
        """Return where a face's landmarks lie.

        In a mirrored picture left and right change places, as a detector would tell them.
        """
        placed = self._place(points)
        if self.is_mirrored and len(placed) == len(_MIRRORED_LANDMARKS):
            return tuple(placed[i] for i in _MIRRORED_LANDMARKS)
        return placed

    def then(self, following: Placement) -> Placement:
        """Return this placement followed by another one."""
        xx, xy, x0, yx, yy, y0 = self.xx, self.xy, self.x0, self.yx, self.yy, self.y0
        return Placement(
            following.xx * xx + following.xy * yx,
            following.xx * xy + following.xy * yy,
            following.xx * x0 + following.xy * y0 + following.x0,
            following.yx * xx + following.yy * yx,
            following.yx * xy + following.yy * yy,
            following.yx * x0 + following.yy * y0 + following.y0,
        )

    def _place(self, points: Iterable[tuple[float, float]]) -> Landmarks:
        return tuple(self.place_point(x, y) for x, y in points)


@dataclass(frozen=True, slots=True)
class Relation:
    """What a new picture is to an old one, and where points of the old one lie in it.

    `placement` is None for another picture. `turn` is the one that makes the old picture stand as
    the new one does.
    """

    likeness: Likeness
    placement: Placement | None
    turn: int = NO_TURN


@dataclass(frozen=True, slots=True)
class OldPicture:
    """What is kept of a picture that is gone: all by which another one is compared with it.

    `thumbnail` is a JPEG; `width` and `height` are upright pixels of full size.
    """

    thumbnail: bytes
    width: int
    height: int
    phash: int
    dhash: int
    blocks: bytes


def scaling(across: float, down: float) -> Placement:
    """Return the placement in a picture that is so many times as wide and as high."""
    return Placement(across, 0.0, 0.0, 0.0, down, 0.0)


def turning(turn: int, width: float, height: float) -> Placement:
    """Return the placement in a turned picture, which was `width` x `height` before."""
    xx, xy, yx, yy = _MATRICES[turn]
    x0 = -min(0, xx) * width - min(0, xy) * height
    y0 = -min(0, yx) * width - min(0, yy) * height
    return Placement(xx, xy, x0, yx, yy, y0)


def has_swapped_sides(turn: int) -> bool:
    """Tell whether a turn makes width of height."""
    return turn >= 5


def compose_turns(first: int, second: int) -> int:
    """Return the turn that does what two do one after the other."""
    a, b, c, d = _MATRICES[first]
    e, f, g, h = _MATRICES[second]
    return _TURNS[(e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d)]


def invert_turn(turn: int) -> int:
    """Return the turn that takes another one back."""
    return {6: 8, 8: 6}.get(turn, turn)


def relative_turn(old_orientation: int, new_orientation: int) -> int:
    """Return what turns the old upright picture into the new one, when only EXIF has changed."""
    return compose_turns(invert_turn(old_orientation), new_orientation)


def turn_within(before: int, after: int, width: int, height: int) -> Relation:
    """Return the relation of one picture in two orientations; it is `width` x `height` before."""
    turn = relative_turn(before, after)
    return Relation(Likeness.EQUAL, turning(turn, width, height), turn)

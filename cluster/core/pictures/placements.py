"""The position of one picture within another, and the relation of the two.

A turn is a code from 1 to 8, as in EXIF (CIPA DC-008, Orientation). It brings a picture into the
orientation of another one: 1 changes nothing, 2 mirrors left to right, 3 turns by 180 degrees, 4
mirrors top to bottom, 6 turns clockwise and 8 anticlockwise by 90 degrees, 5 and 7 mirror along one
of the two diagonals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cluster.core.identity.faces import BoundingBox, Landmarks

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
"""The order of the landmarks in a mirrored picture: left and right eye, and the two corners of the
mouth, change places."""


class Likeness(StrEnum):
    """The relation of a new picture to an old one.

    `equal`: the same pixels, perhaps turned by quarter turns or mirrored, so that no face has to
    be detected again. `same`: saved again, resized or compressed. `part`: cropped or edited.
    `other`: another picture.
    """

    EQUAL = "equal"
    SAME = "same"
    PART = "part"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Placement:
    """An affine map from one picture to another, in upright pixels of full size of both.

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
        """True if the map mirrors the picture."""
        return self.xx * self.yy - self.xy * self.yx < 0

    def place_point(self, x: float, y: float) -> tuple[float, float]:
        """Return the position of a point in the other picture."""
        return (
            self.xx * x + self.xy * y + self.x0,
            self.yx * x + self.yy * y + self.y0,
        )

    def place_box(self, box: BoundingBox) -> BoundingBox:
        """Return the smallest upright box around the placed corners of a box."""
        corners = self._place((x, y) for x in (box.left, box.right) for y in (box.top, box.bottom))
        across, down = zip(*corners, strict=True)
        return BoundingBox(min(across), min(down), max(across), max(down))

    def place_points(self, points: Landmarks) -> Landmarks:
        """Return the landmarks of a face in the other picture.

        In a mirrored picture, left and right are exchanged, as a detector would find them there.
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
    """The relation of a new picture to an old one.

    `placement` maps points of the old picture to the new one, and is None for another picture.
    `turn` brings the old picture into the orientation of the new one.
    """

    likeness: Likeness
    placement: Placement | None
    turn: int = NO_TURN


@dataclass(frozen=True, slots=True)
class OldPicture:
    """The stored properties of an old picture, with which a new one is compared.

    `thumbnail` is a JPEG; `width` and `height` are upright pixels of full size.
    """

    thumbnail: bytes
    width: int
    height: int
    phash: int
    dhash: int
    blocks: bytes


def scaling(across: float, down: float) -> Placement:
    """Return the placement in a picture `across` times as wide and `down` times as high."""
    return Placement(across, 0.0, 0.0, 0.0, down, 0.0)


def turning(turn: int, width: float, height: float) -> Placement:
    """Return the placement in a turned picture, whose size was `width` x `height` before."""
    xx, xy, yx, yy = _MATRICES[turn]
    x0 = -min(0, xx) * width - min(0, xy) * height
    y0 = -min(0, yx) * width - min(0, yy) * height
    return Placement(xx, xy, x0, yx, yy, y0)


def has_swapped_sides(turn: int) -> bool:
    """Tell whether a turn exchanges width and height."""
    return turn >= 5


def compose_turns(first: int, second: int) -> int:
    """Return the turn that equals `first` followed by `second`."""
    a, b, c, d = _MATRICES[first]
    e, f, g, h = _MATRICES[second]
    return _TURNS[(e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d)]


def invert_turn(turn: int) -> int:
    """Return the turn that undoes `turn`."""
    return {6: 8, 8: 6}.get(turn, turn)


def relative_turn(old_orientation: int, new_orientation: int) -> int:
    """Return the turn from the old upright picture to the new one when only EXIF has changed."""
    return compose_turns(invert_turn(old_orientation), new_orientation)


def turn_within(before: int, after: int, width: int, height: int) -> Relation:
    """Return the relation of one picture in two orientations, `width` x `height` in the first."""
    turn = relative_turn(before, after)
    return Relation(Likeness.EQUAL, turning(turn, width, height), turn)

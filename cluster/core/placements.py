"""placeholder, replaced at merge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cluster.core.faces import BoundingBox, Landmarks


@dataclass(frozen=True, slots=True)
class Placement:
    """Where points of a picture lie in another one."""

    xx: float
    xy: float
    x0: float
    yx: float
    yy: float
    y0: float

    def place_points(self, points: Landmarks) -> Landmarks:
        """Return the points in the other picture."""
        return tuple(
            (self.xx * x + self.xy * y + self.x0, self.yx * x + self.yy * y + self.y0)
            for x, y in points
        )

    def place_box(self, box: BoundingBox) -> BoundingBox:
        """Return the hull of the box in the other picture."""
        corners = self.place_points(
            (
                (box.left, box.top),
                (box.right, box.top),
                (box.left, box.bottom),
                (box.right, box.bottom),
            )
        )
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return BoundingBox(min(xs), min(ys), max(xs), max(ys))


class Likeness(StrEnum):
    """How much of a picture another one is."""

    EQUAL = "equal"
    SAME = "same"
    PART = "part"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Relation:
    """How a picture is related to an earlier one."""

    likeness: Likeness
    placement: Placement | None
    turn: int = 1

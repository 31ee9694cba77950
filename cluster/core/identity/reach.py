"""How alike two faces of one person are, as cosines: what a pack calls the same person.

`bench/calibrate.py` measures them; `cluster/numerics/strangers.py` estimates them for a pack that
nobody has measured.
"""

from __future__ import annotations

from dataclasses import dataclass

CHILD_SHARE = 0.5
"""The share of `same` at which the faces of one child of different years may still be alike."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The cosines of a pack.

    * `core`: faces that are linked by pairs with at least this cosine are one person.
    * `same`: two groups are merged when the cosine of their mean directions is at least this.
    * `join`: a single face joins the group whose direction has at least this cosine, if the cosine
      with every other group is smaller by `margin` or more.
    * `alike`: two faces in one photo are one person only with at least this cosine, as in a
      collage, a mirror, or a picture within the picture.
    """

    core: float
    same: float
    join: float
    alike: float
    margin: float = 0.05

    @property
    def same_distance(self) -> float:
        """`same` as a Euclidean distance between vectors of length 1."""
        return (2 - 2 * self.same) ** 0.5

    @property
    def child_distance(self) -> float:
        """The Euclidean distance up to which people may be one child in different years."""
        return (2 - 2 * CHILD_SHARE * self.same) ** 0.5

    @property
    def core_distance(self) -> float:
        """`core` as a Euclidean distance between vectors of length 1."""
        return (2 - 2 * self.core) ** 0.5


@dataclass(frozen=True, slots=True)
class PackReach:
    """The reach of the pack of this name: measured, or a guess that the library itself corrects.

    `center` is the mean of all faces of the pack. It is subtracted from each vector before vectors
    are compared; empty if nothing is subtracted.
    """

    reach: Reach
    pack: str
    is_calibrated: bool
    center: tuple[float, ...] = ()

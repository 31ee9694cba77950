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

    Faces whose steps are all at least `core` alike are one person. Two groups are one person when
    their mean directions are at least `same` alike. A single face joins a group whose direction is
    at least `join`, and `margin` more than to any other group. Two faces of one photo are one
    person only when they are at least `alike`: a collage, a mirror, a picture in the picture.
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
    """The reach of a pack by its name: measured beforehand, or a guess that a library corrects.

    `center` is subtracted from the vectors first: the direction that all faces share, empty for
    none.
    """

    reach: Reach
    pack: str
    is_calibrated: bool
    center: tuple[float, ...] = ()

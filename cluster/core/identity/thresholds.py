"""The thresholds of a pack: the cosines from which it takes two faces for one person.

`bench/calibrate.py` measures them; `cluster/numerics/strangers.py` estimates them for a pack that
was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

CHILD_SHARE = 0.5
"""Faces of one child in different years may have a cosine as small as this share of `same`."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The cosines from which a pack takes faces for one person.

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
        """The Euclidean distance within which two people may be one child in different years."""
        return (2 - 2 * CHILD_SHARE * self.same) ** 0.5

    @property
    def core_distance(self) -> float:
        """`core` as a Euclidean distance between vectors of length 1."""
        return (2 - 2 * self.core) ** 0.5


@dataclass(frozen=True, slots=True)
class PackThresholds:
    """The thresholds of the named pack: measured, or a guess that is refined for each library.

    `center` is the mean of all faces of the pack. It is subtracted from each vector before vectors
    are compared; empty if nothing is subtracted.
    """

    thresholds: Thresholds
    pack: str
    is_calibrated: bool
    center: tuple[float, ...] = ()

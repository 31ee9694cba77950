"""What a new picture is to an old one, of which only a thumbnail and fingerprints are left."""

from __future__ import annotations

from cluster.core.placements import Likeness, OldPicture, Relation
from cluster.vision.images import OpenedImage

__all__ = ["OldPicture", "relate"]


def relate(old: OldPicture, new: OpenedImage) -> Relation:
    """Tell whether the new picture is the old one, a part or an edit of it, or another one."""
    return Relation(Likeness.OTHER, None)

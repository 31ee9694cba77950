"""Matches regions of other programs to faces, although their boxes are drawn differently.

Picasa and digiKam draw a square around the whole head, a detector a box around the face. So a face
also matches a region if each contains the centre of the other and their intersection over union is
at least a fifth.
"""

from __future__ import annotations

from collections.abc import Sequence

from cluster.core.identity.faces import SAME_PLACE, BoundingBox

LEAST_OVERLAP = 0.2
"""The intersection over union of a box and one with 2.2 times its sides around the same centre."""


def match_regions(faces: Sequence[BoundingBox], regions: Sequence[BoundingBox]) -> dict[int, int]:
    """Map the index of each region to that of its face.

    Each is matched at most once, the largest overlap first; unmatched regions are left out.
    """
    overlaps = [
        (overlap, -f, -r)
        for f, face in enumerate(faces)
        for r, region in enumerate(regions)
        if is_same_face(face, region) and (overlap := face.overlap(region))
    ]
    matches: dict[int, int] = {}
    taken: set[int] = set()
    for _, f, r in sorted(overlaps, reverse=True):
        if -r not in matches and -f not in taken:
            matches[-r] = -f
            taken.add(-f)
    return matches


def is_same_face(one: BoundingBox, other: BoundingBox) -> bool:
    """Tell whether two boxes, perhaps drawn by different programs, show the same face."""
    overlap = one.overlap(other)
    return overlap >= SAME_PLACE or (overlap >= LEAST_OVERLAP and _are_concentric(one, other))


def _are_concentric(one: BoundingBox, other: BoundingBox) -> bool:
    return _has_centre(one, other) and _has_centre(other, one)


def _has_centre(box: BoundingBox, other: BoundingBox) -> bool:
    across, down = (other.left + other.right) / 2, (other.top + other.bottom) / 2
    return box.left <= across <= box.right and box.top <= down <= box.bottom

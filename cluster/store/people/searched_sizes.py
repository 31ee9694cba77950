"""Scales faces to the size of their photo, if the searched file has another size.

A raw file may be searched in place of the JPEG that shows its photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import Face
from cluster.core.pictures.placements import Placement, scaling
from cluster.store.people.found_faces import FoundFaces

_SIZES = text("SELECT id, width, height FROM image WHERE id = ANY(:ids)")


def fit_to_photos(
    db: Session, seen: Sequence[FoundFaces], sizes: Mapping[int, tuple[int, int]]
) -> list[FoundFaces]:
    """Return the faces in pixels of their photos; `sizes` are the searched sizes, by photo.

    Photos without an entry in `sizes` stay as they are.
    """
    if not sizes:
        return list(seen)
    rows = db.execute(_SIZES, {"ids": list(sizes)})
    places = {
        row.id: scaling(row.width / sizes[row.id][0], row.height / sizes[row.id][1])
        for row in rows
        if (row.width, row.height) != sizes[row.id]
    }
    return [_place(one, places.get(one.image_id)) for one in seen]


def _place(found: FoundFaces, placement: Placement | None) -> FoundFaces:
    if placement is None:
        return found
    return replace(found, faces=tuple(_place_face(face, placement) for face in found.faces))


def _place_face(face: Face, placement: Placement) -> Face:
    landmarks = placement.place_points(face.landmarks)
    return replace(face, box=placement.place_box(face.box), landmarks=landmarks)

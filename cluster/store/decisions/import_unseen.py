"""Adds the faces that users placed and no detector found here, so that their people keep them.

They came from another program by XMP, or the photo was searched with another pack here. A face in
roughly the same place is taken for the same one; otherwise a face without a vector is added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox
from cluster.core.xmp.region_matching import match_regions
from cluster.store.decisions.import_places import MATCHES
from cluster.store.decisions.unseen_faces import Cut, add_unseen_face, recount_faces

# The pack is that of the record if it searched the photo, or else the one that searched most
# photos.
_UNSEEN = text(
    """
    SELECT b.number, x.image_id, x.box_left, x.box_top, x.box_right, x.box_bottom, i.width,
        i.height, d.pack
    FROM import_face b JOIN import_box x ON x.number = b.number JOIN image i ON i.id = x.image_id
        CROSS JOIN LATERAL (
            SELECT d.pack FROM detection d JOIN (
                SELECT pack, count(*) AS photos FROM detection GROUP BY pack
            ) c ON c.pack = d.pack
            WHERE d.image_id = x.image_id
            ORDER BY d.pack <> b.pack, c.photos DESC, d.pack LIMIT 1
        ) d
    WHERE (NOT b.has_vector OR d.pack <> b.pack) AND b.by_user AND b.person IS NOT NULL
        AND NOT b.is_side AND i.duration_s IS NULL
        AND NOT EXISTS (SELECT FROM import_match m WHERE m.number = b.number)
    ORDER BY x.image_id, b.number
    """
)
_FACES = text(
    """
    SELECT f.id, f.image_id, f.pack, f.box_left, f.box_top, f.box_right, f.box_bottom
    FROM face f
    WHERE f.image_id = ANY(:ids)
        AND NOT EXISTS (SELECT FROM import_match m WHERE m.face_id = f.id)
    ORDER BY f.id
    """
)
_ERASED = text(
    """
    SELECT image_id, box_left, box_top, box_right, box_bottom FROM erased_face
    WHERE image_id = ANY(:ids) ORDER BY id
    """
)


def add_unseen_faces(db: Session, *, cut: Cut) -> None:
    """Match such staged faces by their rough places, or add them as faces without a vector.

    Faces in the place of an erased face, and faces in photos that were not searched, stay
    unmatched.
    """
    unseen = db.execute(_UNSEEN).all()
    ids = {"ids": sorted({row.image_id for row in unseen})}
    known = _by_photo(db.execute(_FACES, ids))
    erased = _by_photo(db.execute(_ERASED, ids))
    matched: list[tuple[int, int]] = []
    for image_id, rows in _by_photo(unseen).items():
        gone = match_regions(_boxes(erased[image_id]), _boxes(rows))
        left = [row for n, row in enumerate(rows) if n not in gone]
        faces = [face for face in known[image_id] if any(face.pack == row.pack for row in left)]
        found = match_regions(_boxes(faces), _boxes(left))
        for n, row in enumerate(left):
            face_id = faces[found[n]].id if n in found else _add(db, row, cut)
            matched.append((row.number, face_id))
    MATCHES.append(db, matched)
    recount_faces(db, ids["ids"])


def _add(db: Session, row: Any, cut: Cut) -> int:
    """Add a face without a vector, and return its id."""
    (box,) = _boxes([row])
    across, down = row.width, row.height
    shown = BoundingBox(box.left / across, box.top / down, box.right / across, box.bottom / down)
    return add_unseen_face(db, row.image_id, box, shown=shown, pack=row.pack, cut=cut)


def _by_photo(rows: Any) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.image_id].append(row)
    return found


def _boxes(rows: Sequence[Any]) -> list[BoundingBox]:
    sides = ((row.box_left, row.box_top, row.box_right, row.box_bottom) for row in rows)
    return [BoundingBox(*one) for one in sides]

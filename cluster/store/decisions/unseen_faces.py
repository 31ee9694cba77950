"""Adds faces without a vector, which users placed and no pack found; these are never compared."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox

Cut = Callable[[int, bytes, BoundingBox], bytes]
"""Cuts a face out of a photo: from the photo's id, its thumbnail, and a box in fractions of it."""

_THUMBNAIL = text("SELECT thumbnail FROM image WHERE id = :id")
_ADD = text(
    """
    INSERT INTO face (image_id, pack, box_left, box_top, box_right, box_bottom, landmarks, score,
        quality, crop)
    VALUES (:image_id, :pack, :left, :top, :right, :bottom, '{}', 0, 0, :crop) RETURNING id
    """
)
_RECOUNT = text(
    """
    UPDATE detection d SET faces = (
        SELECT count(*) FROM face f WHERE f.image_id = d.image_id AND f.pack = d.pack
    )
    WHERE d.image_id = ANY(:ids)
    """
)


def cut_nothing(image_id: int, thumbnail: bytes, box: BoundingBox) -> bytes:
    """Return no picture; `jobs.check --repair` makes it from the photo."""
    return b""


def add_unseen_face(
    db: Session, image_id: int, box: BoundingBox, *, shown: BoundingBox, pack: str, cut: Cut
) -> int:
    """Add a face without a vector at `box`, in pixels, and return its id.

    `shown` is the same box in fractions of the photo. `recount_faces` must follow.
    """
    thumbnail = bytes(db.execute(_THUMBNAIL, {"id": image_id}).scalar_one())
    values = {
        "image_id": image_id,
        "pack": pack,
        "left": box.left,
        "top": box.top,
        "right": box.right,
        "bottom": box.bottom,
        "crop": cut(image_id, thumbnail, shown),
    }
    return int(db.execute(_ADD, values).scalar_one())


def recount_faces(db: Session, image_ids: Collection[int]) -> None:
    """Recount the faces of photos, for each pack that searched them."""
    db.execute(_RECOUNT, {"ids": sorted(image_ids)})

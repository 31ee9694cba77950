"""Moves faces when their picture was turned, cropped, or saved in another size.

Boxes, landmarks and the rectangles of erased faces are moved to their places in the new picture.
The crops of a turned picture are turned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, Landmarks
from cluster.core.pictures.placements import Likeness, Relation
from cluster.store.locks import lock_people

Turn = Callable[[bytes, int], bytes]
"""A function that turns a JPEG by an EXIF orientation (cluster/vision/relations/turning.py)."""

_FACES = text(
    """
    SELECT id, box_left, box_top, box_right, box_bottom, landmarks, crop FROM face
    WHERE image_id = :image_id ORDER BY id
    """
)
_MOVE_FACE = text(
    """
    UPDATE face SET box_left = :left, box_top = :top, box_right = :right, box_bottom = :bottom,
        landmarks = :landmarks, crop = :crop
    WHERE id = :id
    """
)
_ERASED = text(
    """
    SELECT id, box_left, box_top, box_right, box_bottom FROM erased_face
    WHERE image_id = :image_id ORDER BY id
    """
)
_MOVE_ERASED = text(
    """
    UPDATE erased_face SET box_left = :left, box_top = :top, box_right = :right,
        box_bottom = :bottom
    WHERE id = :id
    """
)
_ADD_ERASED = text(
    """
    INSERT INTO erased_face (image_id, box_left, box_top, box_right, box_bottom)
    VALUES (:image_id, :left, :top, :right, :bottom)
    """
)


def place_faces(db: Session, image_id: int, relation: Relation, *, turn: Turn) -> None:
    """Move a photo's faces and erased rectangles to their places in its new picture."""
    transform_faces(db, image_id, relation, turn=turn)
    erased = [
        {"id": row.id, **_place_box(row, relation)}
        for row in db.execute(_ERASED, {"image_id": image_id}).all()
    ]
    if erased:
        db.execute(_MOVE_ERASED, erased)


def transform_faces(
    db: Session, image_id: int, relation: Relation, *, turn: Turn = lambda crop, by: crop
) -> None:
    """Move a photo's faces to their places in another picture; `turn` turns the crops."""
    lock_people(db)
    faces = [
        {
            "id": row.id,
            **_place_box(row, relation),
            "landmarks": _place_landmarks(row.landmarks, relation),
            "crop": _turn_crop(bytes(row.crop), relation, turn=turn),
        }
        for row in db.execute(_FACES, {"image_id": image_id}).all()
    ]
    if faces:
        db.execute(_MOVE_FACE, faces)


def copy_erased(db: Session, image_id: int, new_id: int, relation: Relation) -> None:
    """Copy the erased rectangles of a photo to another one that shows the same picture."""
    lock_people(db)
    add_erased(db, new_id, db.execute(_ERASED, {"image_id": image_id}).all(), relation)


def add_erased(db: Session, image_id: int, boxes: Sequence[Any], relation: Relation) -> None:
    """Add erased rectangles to a photo; `relation` maps the `boxes`, rows of another photo."""
    erased = [{"image_id": image_id, **_place_box(row, relation)} for row in boxes]
    if erased:
        db.execute(_ADD_ERASED, erased)


def _place_box(row: Any, relation: Relation) -> dict[str, float]:
    box = BoundingBox(row.box_left, row.box_top, row.box_right, row.box_bottom)
    if relation.placement is not None:
        box = relation.placement.place_box(box)
    return {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}


def _place_landmarks(flat: list[float], relation: Relation) -> list[float]:
    points: Landmarks = tuple(zip(flat[::2], flat[1::2], strict=True))
    if relation.placement is not None:
        points = relation.placement.place_points(points)
    return [value for point in points for value in point]


def _turn_crop(crop: bytes, relation: Relation, *, turn: Turn) -> bytes:
    is_turned = relation.likeness is Likeness.EQUAL and relation.turn != 1
    return turn(crop, relation.turn) if is_turned else crop

"""Re-detected faces keep their id, their person, and whether a user placed them.

A photo is searched again when face detection is restarted, or when its picture was saved again or
cropped. Its faces stay until then. A new face takes over the row of an old one in the same place
(intersection over union of at least a half; in a film, in the same frame) or with nearly the same
vector. For the row of a face that only another program knew, which has no vector, a rough match of
the boxes is enough. Old faces without a match are deleted, unless a user placed them or set them
aside and they are still within the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, Face, match_boxes
from cluster.core.xmp.region_matching import match_regions
from cluster.store.database.tables import Face as FaceRow
from cluster.store.database.tables import Image
from cluster.store.locks import lock_people
from cluster.store.people.found_faces import FoundFaces

SAME_FACE = 0.9
"""The least cosine of one face in two copies of a picture; that of two people is far smaller."""

_SIDES = (FaceRow.box_left, FaceRow.box_top, FaceRow.box_right, FaceRow.box_bottom)


@dataclass(frozen=True, slots=True)
class Redetected:
    """The id of a face row, and the newly found face that replaces its values."""

    face_id: int
    face: Face


def keep_redetected(db: Session, outcomes: Sequence[FoundFaces], *, pack: str) -> list[FoundFaces]:
    """Update or delete the known faces of these photos; return the outcomes with new faces only."""
    lock_people(db)
    known = _list_known(db, [outcome.image_id for outcome in outcomes], pack=pack)
    fresh: list[FoundFaces] = []
    redetected: list[Redetected] = []
    for outcome in outcomes:
        rows = known.get(outcome.image_id, [])
        matches = match_boxes(
            [_box(row) for row in rows],
            [face.box for face in outcome.faces],
            times=([row.time_s for row in rows], [face.time_s for face in outcome.faces]),
        )
        matches |= _match_vectors(rows, outcome.faces, matches)
        matches |= _match_without_vector(rows, outcome.faces, matches)
        redetected += _pair(rows, outcome.faces, matches)
        new = tuple(face for n, face in enumerate(outcome.faces) if n not in matches)
        fresh.append(replace(outcome, faces=new))
    kept = {one.face_id for one in redetected}
    left = [row for rows in known.values() for row in rows if row.id not in kept]
    gone = [row.id for row in left if not (row.placed_by_user and _is_within(row))]
    _update_faces(db, redetected)
    db.execute(delete(FaceRow).where(FaceRow.id.in_(gone)))
    return fresh


def _match_vectors(
    rows: Sequence[Any], faces: Sequence[Face], matches: dict[int, int]
) -> dict[int, int]:
    """Return further matches, of faces in other places, by vectors, the nearest first."""
    taken = set(matches.values())
    old = [o for o, row in enumerate(rows) if o not in taken and row.embedding is not None]
    new = [n for n in range(len(faces)) if n not in matches]
    if not old or not new:
        return {}
    known = np.stack([np.asarray(rows[o].embedding, np.float32) for o in old])
    found = np.stack([np.frombuffer(faces[n].embedding, "<f4") for n in new])
    if known.shape[1] != found.shape[1]:
        return {}
    products = found @ known.T
    more: dict[int, int] = {}
    for place in np.argsort(-products, axis=None):
        n, o = divmod(int(place), len(old))
        if products[n, o] < SAME_FACE:
            break
        if new[n] not in more and old[o] not in more.values():
            more[new[n]] = old[o]
    return more


def _match_without_vector(
    rows: Sequence[Any], faces: Sequence[Face], matches: dict[int, int]
) -> dict[int, int]:
    """Return further matches, of faces that only another program knew, by rough boxes."""
    taken = set(matches.values())
    old = [o for o, row in enumerate(rows) if o not in taken and row.embedding is None]
    new = [n for n in range(len(faces)) if n not in matches]
    boxes = [faces[n].box for n in new]
    rough = match_regions([_box(rows[o]) for o in old], boxes)
    return {new[n]: old[o] for n, o in rough.items()}


def _is_within(row: Any) -> bool:
    """Tell whether the centre of a face lies within its picture."""
    across, down = (row.box_left + row.box_right) / 2, (row.box_top + row.box_bottom) / 2
    return bool(0 <= across < row.width and 0 <= down < row.height)


def _pair(
    rows: Sequence[Any], faces: Sequence[Face], matches: dict[int, int]
) -> Iterator[Redetected]:
    return (Redetected(rows[old].id, faces[new]) for new, old in matches.items())


def _list_known(db: Session, image_ids: Sequence[int], *, pack: str) -> dict[int, list[Any]]:
    statement = (
        select(
            FaceRow.id,
            FaceRow.image_id,
            *_SIDES,
            FaceRow.time_s,
            FaceRow.embedding,
            FaceRow.placed_by_user,
            Image.width,
            Image.height,
        )
        .join(Image, Image.id == FaceRow.image_id)
        .where(FaceRow.image_id.in_(image_ids), FaceRow.pack == pack)
        .order_by(FaceRow.id)
    )
    known: dict[int, list[Any]] = {}
    for row in db.execute(statement):
        known.setdefault(row.image_id, []).append(row)
    return known


def _box(row: Any) -> BoundingBox:
    return BoundingBox(row.box_left, row.box_top, row.box_right, row.box_bottom)


def _update_faces(db: Session, redetected: Iterable[Redetected]) -> None:
    values = [_to_values(one) for one in redetected]
    if not values:
        return
    columns: dict[str, Any] = {name: bindparam(name) for name in values[0] if name != "face_id"}
    statement = update(FaceRow).where(FaceRow.id == bindparam("face_id")).values(columns)
    db.connection().execute(statement, values)


def _to_values(one: Redetected) -> dict[str, object]:
    face = one.face
    return {
        "face_id": one.face_id,
        "box_left": face.box.left,
        "box_top": face.box.top,
        "box_right": face.box.right,
        "box_bottom": face.box.bottom,
        "landmarks": [value for point in face.landmarks for value in point],
        "score": face.score,
        "quality": face.quality,
        "sharpness": face.sharpness,
        "time_s": face.time_s,
        "embedding": np.frombuffer(face.embedding, "<f4"),
        "crop": face.crop,
    }

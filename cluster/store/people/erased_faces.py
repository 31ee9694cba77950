"""Keeps a rectangle where a face was erased, so that no face is added there again.

The rectangle reveals nothing about the face. It applies to every pack, moves with the picture, and
is deleted with the photo.

In a film, the same person may be found at another time and place. Therefore no new face is added in
a film with an erased face; known faces stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, match_boxes
from cluster.core.pictures.placements import turn_within
from cluster.store.database.tables import ErasedFace
from cluster.store.people.face_placements import add_erased
from cluster.store.people.found_faces import FoundFaces

# Duplicates get the rectangles too, because any of them may become the representative.
_MARK = text(
    """
    INSERT INTO erased_face (image_id, box_left, box_top, box_right, box_bottom)
    SELECT i.id, f.box_left * k.scale, f.box_top * k.scale, f.box_right * k.scale,
        f.box_bottom * k.scale
    FROM face f JOIN image r ON r.id = f.image_id
        JOIN image i ON i.id = r.id OR i.duplicate_of = r.id
        CROSS JOIN LATERAL (SELECT coalesce(i.width::real / nullif(r.width, 0), 1) AS scale) k
    WHERE f.person_id = :person_id AND (i.content = r.content AND i.orientation <> r.orientation)
        IS NOT TRUE
    """
)

# Duplicates with the same pixels and another orientation need a turn instead of a scale.
_LIST_TURNED = text(
    """
    SELECT i.id, r.width, r.height, r.orientation AS before, i.orientation AS after,
        f.box_left, f.box_top, f.box_right, f.box_bottom
    FROM face f JOIN image r ON r.id = f.image_id JOIN image i ON i.duplicate_of = r.id
    WHERE f.person_id = :person_id AND i.content = r.content AND i.orientation <> r.orientation
    """
)

_RECOUNT = text("UPDATE detection SET faces = :faces WHERE image_id = :image_id AND pack = :pack")
_UNCOUNT = text(
    "UPDATE detection SET faces = faces - :count WHERE image_id = :image_id AND pack = :pack"
)


def mark_erased(db: Session, person_id: int) -> None:
    """Store the rectangles of a person's faces, in their photos and in the duplicates of these."""
    db.execute(_MARK, {"person_id": person_id})
    for row in db.execute(_LIST_TURNED, {"person_id": person_id}).all():
        relation = turn_within(row.before, row.after, row.width, row.height)
        add_erased(db, row.id, [row], relation)


def leave_out_erased(db: Session, outcomes: Sequence[FoundFaces], *, pack: str) -> list[FoundFaces]:
    """Return the outcomes without faces that lie in the rectangles of erased faces.

    Films stay unchanged, because `leave_out_new_in_films` handles them after their known faces were
    matched. The records of detection of these photos count only the remaining faces.
    """
    erased = _list_erased(db, [outcome.image_id for outcome in outcomes])
    kept = [_without(outcome, erased[outcome.image_id]) for outcome in outcomes]
    counts = [
        {"image_id": after.image_id, "pack": pack, "faces": len(after.faces)}
        for before, after in zip(outcomes, kept, strict=True)
        if len(after.faces) < len(before.faces)
    ]
    if counts:
        db.execute(_RECOUNT, counts)
    return kept


def leave_out_new_in_films(
    db: Session, outcomes: Sequence[FoundFaces], *, pack: str
) -> tuple[list[FoundFaces], int]:
    """Return the new faces without those in films with an erased face, and the number left out.

    The records of detection of these films no longer count them.
    """
    of_films = [outcome.image_id for outcome in outcomes if _is_film(outcome)]
    erased = _list_erased(db, of_films) if of_films else {}
    left_out = [outcome for outcome in outcomes if outcome.image_id in erased]
    for outcome in left_out:
        key = {"image_id": outcome.image_id, "pack": pack, "count": len(outcome.faces)}
        db.execute(_UNCOUNT, key)
    kept = [outcome for outcome in outcomes if outcome.image_id not in erased]
    return kept, sum(len(outcome.faces) for outcome in left_out)


def _is_film(outcome: FoundFaces) -> bool:
    return any(face.time_s is not None for face in outcome.faces)


def _list_erased(db: Session, image_ids: Sequence[int]) -> dict[int, list[BoundingBox]]:
    sides = (ErasedFace.box_left, ErasedFace.box_top, ErasedFace.box_right, ErasedFace.box_bottom)
    statement = select(ErasedFace.image_id, *sides).where(ErasedFace.image_id.in_(image_ids))
    erased: dict[int, list[BoundingBox]] = defaultdict(list)
    for image_id, *box in db.execute(statement):
        erased[image_id].append(BoundingBox(*box))
    return erased


def _without(outcome: FoundFaces, erased: Sequence[BoundingBox]) -> FoundFaces:
    if _is_film(outcome):
        return outcome
    matches = match_boxes(erased, [face.box for face in outcome.faces])
    faces = tuple(face for n, face in enumerate(outcome.faces) if n not in matches)
    return replace(outcome, faces=faces)

"""Erases the faces that were erased in the library of an import, and marks their places.

A face that a user placed, or that belongs to a person with a name, is not erased; its record is
left.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.store.decisions.import_places import IS_SAME, OVERLAP
from cluster.store.decisions.left_records import leave
from cluster.store.people.answer_rows import delete_dead_answers
from cluster.store.people.forgotten_changes import forget_changes

_FACES = text(
    f"""
    SELECT b.number, f.id, f.image_id, f.pack, f.person_id,
        f.placed_by_user OR p.name IS NOT NULL AS is_kept
    FROM import_rectangle b JOIN face f ON f.image_id = b.image_id
        CROSS JOIN LATERAL (SELECT f.box_left, f.box_top, f.box_right, f.box_bottom) a {OVERLAP}
        LEFT JOIN person p ON p.id = f.person_id
    WHERE {IS_SAME} ORDER BY o.shared / (o.areas - o.shared) DESC, b.number, f.id
    """
)
_MARK = text(
    f"""
    INSERT INTO erased_face (image_id, box_left, box_top, box_right, box_bottom)
    SELECT b.image_id, b.box_left, b.box_top, b.box_right, b.box_bottom FROM import_rectangle b
    WHERE b.number <> ALL(:kept) AND NOT EXISTS (
        SELECT FROM erased_face a {OVERLAP} WHERE a.image_id = b.image_id AND {IS_SAME}
    )
    """
)
_DELETE = text("DELETE FROM face WHERE id = ANY(:ids)")
_RECOUNT = text(
    """
    UPDATE detection d SET faces = (
        SELECT count(*) FROM face f WHERE f.image_id = d.image_id AND f.pack = d.pack
    )
    WHERE d.image_id = ANY(:image_ids)
    """
)
_LIST_EMPTY = text(
    """
    SELECT id FROM person p WHERE p.id = ANY(:ids)
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)
_DELETE_PEOPLE = text("DELETE FROM person WHERE id = ANY(:ids)")


def erase_again(db: Session) -> int:
    """Erase faces and mark places; return how many were marked. Call it before matching faces."""
    kept: set[int] = set()
    gone: dict[int, Any] = {}
    for row in db.execute(_FACES).all():
        if row.is_kept:
            kept.add(row.number)
        else:
            gone.setdefault(row.id, row)
    leave(db, DecisionKind.ERASED, [(number, LeftReason.KEPT_HERE) for number in sorted(kept)])
    marked = cast(CursorResult[Any], db.execute(_MARK, {"kept": sorted(kept)})).rowcount
    erased = [row for row in gone.values() if row.number not in kept]
    if erased:
        db.execute(_DELETE, {"ids": [row.id for row in erased]})
        db.execute(_RECOUNT, {"image_ids": sorted({row.image_id for row in erased})})
        people = {row.person_id for row in erased if row.person_id is not None}
        empty = list(db.execute(_LIST_EMPTY, {"ids": sorted(people)}).scalars())
        forget_changes(db, empty)
        db.execute(_DELETE_PEOPLE, {"ids": empty})
        delete_dead_answers(db)
    return int(marked)

"""Records which records of an import could not be placed, and why."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.store.database.copying import Staging

LEFT = Staging("import_left", (("kind", "text"), ("number", "int8"), ("reason", "text")))

# A face without a match is left if a user decided about it, or if nothing else identifies its
# person. Faces that only grouping placed are not left, because grouping places them again.
_FACES = text(
    """
    INSERT INTO import_left (kind, number, reason)
    SELECT 'face', b.number, CASE WHEN s.photo IS NULL THEN 'photo_absent' WHEN EXISTS (
            SELECT FROM import_box x JOIN erased_face e ON e.image_id = x.image_id
            WHERE x.number = b.number AND e.box_left < x.box_right AND e.box_right > x.box_left
                AND e.box_top < x.box_bottom AND e.box_bottom > x.box_top
                AND abs(e.box_left + e.box_right - x.box_left - x.box_right)
                    < x.box_right - x.box_left
                AND abs(e.box_top + e.box_bottom - x.box_top - x.box_bottom)
                    < x.box_bottom - x.box_top
        ) THEN 'erased_here' ELSE 'no_face' END
    FROM import_face b LEFT JOIN import_match m ON m.number = b.number
        LEFT JOIN import_place s ON s.photo = b.photo AND s.has_faces
        LEFT JOIN import_person q ON q.number = b.person
    WHERE m.number IS NULL AND NOT b.is_side AND (b.by_user OR q.cover = b.number OR q.is_decided
        AND (s.photo IS NULL
            OR NOT EXISTS (SELECT FROM import_target t WHERE t.number = b.person)))
    """
)
_ERASED = text(
    """
    INSERT INTO import_left (kind, number, reason)
    SELECT 'erased', b.number, 'photo_absent' FROM import_erased b
    WHERE NOT EXISTS (SELECT FROM import_place s WHERE s.photo = b.photo)
    """
)


def clear_left(db: Session) -> None:
    """Create the table of left records, and empty it."""
    LEFT.clear(db)


def leave(db: Session, kind: DecisionKind, left: Iterable[tuple[int, LeftReason]]) -> None:
    """Add left records of a kind, by number, with the reasons."""
    LEFT.append(db, ((kind, number, reason) for number, reason in left))


def leave_unmatched(db: Session) -> None:
    """Add the faces and erased places without a photo, or without a face in their place."""
    db.execute(_FACES)
    db.execute(_ERASED)

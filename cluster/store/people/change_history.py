"""Lists the changes in the undo log of a pack, in words for users."""

from __future__ import annotations

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.identity.changes import Answer, ChangeKind, PastChange
from cluster.core.identity.faces import FaceVerdict

# The name after a change is the name before the next change of the same person. The log does not
# store the name after an undone change.
_LIST = text(
    """
    SELECT c.id, c.kind, c.created_at, c.undone_at, c.verdict, c.person_id, b.name AS name_before,
        CASE WHEN c.undone_at IS NOT NULL THEN coalesce(
                b.name, (SELECT min(name) FROM person_change_person WHERE change_id = c.id)
            ) WHEN n.person_id IS NOT NULL THEN n.name ELSE p.name END AS name,
        NOT coalesce(b.hidden, false) AS hidden,
        c.undone_at IS NULL AND NOT EXISTS (
            SELECT FROM person_change l WHERE l.pack = c.pack AND l.id > c.id
                AND l.undone_at IS NULL AND l.kind <> 'undo'
        ) AS can_undo,
        (SELECT count(*) FROM person_change_person WHERE change_id = c.id) AS people,
        (SELECT count(*) FROM person_change_face WHERE change_id = c.id) AS faces,
        (SELECT answer FROM face_answer WHERE change_id = c.id LIMIT 1) AS answer
    FROM person_change c LEFT JOIN person p ON p.id = c.person_id
        LEFT JOIN person_change_person b ON b.change_id = c.id AND b.person_id = c.person_id
        LEFT JOIN LATERAL (
            SELECT y.person_id, y.name FROM person_change x
                JOIN person_change_person y ON y.change_id = x.id AND y.person_id = c.person_id
            WHERE x.pack = c.pack AND x.id > c.id ORDER BY x.id LIMIT 1
        ) n ON true
    WHERE c.pack = :pack AND c.kind <> 'undo' AND (:with_undone OR c.undone_at IS NULL)
    ORDER BY c.id DESC LIMIT :limit
    """
)


def list_changes(db: Session, *, pack: str, limit: int) -> list[PastChange]:
    """Return the changes of a pack, undone ones too, the newest first."""
    key = {"pack": pack, "limit": limit, "with_undone": True}
    return [_to_change(row) for row in db.execute(_LIST, key)]


def find_last_change(db: Session, *, pack: str) -> PastChange | None:
    """Return the change of a pack that can be undone next; None when there is none."""
    row = db.execute(_LIST, {"pack": pack, "limit": 1, "with_undone": False}).first()
    return None if row is None else _to_change(row)


def _to_change(row: Row[tuple[object, ...]]) -> PastChange:
    return PastChange(
        id=row.id,
        kind=ChangeKind(row.kind),
        created_at=row.created_at,
        undone_at=row.undone_at,
        can_undo=row.can_undo,
        person_name=None if row.person_id is None else row.name or f"person {row.person_id}",
        name_before=row.name_before,
        name=row.name,
        hidden=row.hidden,
        verdict=None if row.verdict is None else FaceVerdict(row.verdict),
        people=row.people,
        faces=row.faces,
        answer=None if row.answer is None else Answer(row.answer),
    )

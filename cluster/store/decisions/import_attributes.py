"""Gives people of this library the names, birth dates and covers that an import has for them.

Existing attributes of a person stay, and the record is left.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

# Several people of an import may be one person here; the lowest number takes precedence.
_GIVE = text(
    """
    WITH given AS (
        SELECT t.person_id,
            (array_agg(q.name ORDER BY q.number) FILTER (WHERE q.name IS NOT NULL))[1] AS name,
            (array_agg(q.name_key ORDER BY q.number) FILTER (WHERE q.name IS NOT NULL))[1]
                AS name_key,
            bool_or(q.hidden) AS hidden,
            (array_agg(q.birth_date ORDER BY q.number) FILTER (WHERE q.birth_date IS NOT NULL))[1]
                AS birth_date
        FROM import_target t JOIN import_person q ON q.number = t.number
        WHERE NOT q.is_applied GROUP BY t.person_id
    )
    UPDATE person p SET name = coalesce(p.name, g.name),
        name_key = coalesce(p.name_key, g.name_key),
        hidden = p.hidden OR g.hidden, birth_date = coalesce(p.birth_date, g.birth_date),
        version = p.version + 1, updated_at = :now
    FROM given g WHERE p.id = g.person_id AND (p.name IS NULL AND g.name IS NOT NULL
        OR g.hidden AND NOT p.hidden OR p.birth_date IS NULL AND g.birth_date IS NOT NULL)
    """
)
_COVER = text(
    """
    UPDATE person p SET cover_face_id = f.id, version = p.version + 1, updated_at = :now
    FROM import_target t JOIN import_person q ON q.number = t.number
        JOIN import_match m ON m.number = q.cover JOIN face f ON f.id = m.face_id
    WHERE p.id = t.person_id AND f.person_id = p.id AND p.cover_face_id IS NULL
    """
)
_LEAVE = text(
    """
    INSERT INTO import_left (kind, number, reason)
    SELECT DISTINCT 'person', q.number, 'attributes_here'
    FROM import_target t JOIN import_person q ON q.number = t.number
        JOIN person p ON p.id = t.person_id LEFT JOIN import_match m ON m.number = q.cover
    WHERE NOT q.is_applied AND (p.birth_date <> q.birth_date
        OR m.face_id IS NOT NULL AND p.cover_face_id <> m.face_id)
    """
)


def give_attributes(db: Session, *, now: datetime) -> tuple[int, int]:
    """Give names, birth dates and covers; return how many people changed, and how many covers."""
    changed = _count(db.execute(_GIVE, {"now": now}))
    covers = _count(db.execute(_COVER, {"now": now}))
    db.execute(_LEAVE)
    return changed, covers


def _count(result: object) -> int:
    return int(cast(CursorResult[Any], result).rowcount)

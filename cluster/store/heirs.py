"""Duplicates that take the place of their representative when it is gone, faces and all."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.store.people_claims import lock_people

_DROP = text("DROP TABLE IF EXISTS heir")
_FIND = text(
    """
    CREATE TEMP TABLE heir ON COMMIT DROP AS
    SELECT DISTINCT ON (g.id) g.id AS old, d.id AS new,
        d.width::float8 / g.width AS across, d.height::float8 / g.height AS down
    FROM image g JOIN image d ON d.duplicate_of = g.id
        JOIN file f ON f.image_id = d.id AND f.missing_since IS NULL
    WHERE g.missing_since IS NOT NULL AND d.missing_since IS NULL
    ORDER BY g.id, f.modified_ns NULLS LAST, f.path
    """
)

_INHERIT = (
    """
    UPDATE face SET image_id = h.new,
        box_left = box_left * across, box_right = box_right * across,
        box_top = box_top * down, box_bottom = box_bottom * down,
        landmarks = ARRAY(
            SELECT value * CASE WHEN n % 2 = 1 THEN across ELSE down END
            FROM unnest(landmarks) WITH ORDINALITY AS l (value, n) ORDER BY n
        )
    FROM heir h WHERE face.image_id = h.old
    """,
    """
    INSERT INTO erased_face (image_id, box_left, box_top, box_right, box_bottom)
    SELECT h.new, box_left * across, box_top * down, box_right * across, box_bottom * down
    FROM erased_face e JOIN heir h ON h.old = e.image_id
    WHERE NOT EXISTS (SELECT FROM erased_face o WHERE o.image_id = h.new)
    """,
    """
    INSERT INTO detection (image_id, pack, faces, detected_at)
    SELECT h.new, pack, faces, detected_at FROM detection d JOIN heir h ON h.old = d.image_id
    ON CONFLICT DO NOTHING
    """,
    "DELETE FROM detection d USING heir h WHERE d.image_id = h.old",
    "UPDATE image SET duplicate_of = h.new FROM heir h WHERE duplicate_of = h.old",
    "UPDATE image SET duplicate_of = NULL FROM heir h WHERE id = h.new",
    "UPDATE image SET duplicate_of = h.new FROM heir h WHERE id = h.old",
)


def promote_heirs(db: Session) -> None:
    """Let a duplicate that is there stand for each photo that is missing.

    It takes over the faces, with their people, what was erased, and what was looked at; the missing
    one is its duplicate from then on. The caller holds the library's lock.
    """
    lock_people(db)
    db.execute(_DROP)
    db.execute(_FIND)
    if db.execute(text("SELECT FROM heir LIMIT 1")).first() is not None:
        for statement in _INHERIT:
            db.execute(text(statement))

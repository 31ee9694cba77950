"""Lets a duplicate take over the role and the faces of a missing representative."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.pictures.placements import turn_within
from cluster.store.locks import lock_people
from cluster.store.people.face_placements import copy_erased, transform_faces

_DROP = text("DROP TABLE IF EXISTS heir")
_FIND = text(
    """
    CREATE TEMP TABLE heir ON COMMIT DROP AS
    SELECT DISTINCT ON (g.id) g.id AS old, d.id AS new,
        d.width::float8 / g.width AS across, d.height::float8 / g.height AS down,
        CASE WHEN g.content = d.content THEN g.orientation END AS orientation
    FROM image g JOIN image d ON d.duplicate_of = g.id
        JOIN file f ON f.image_id = d.id AND f.missing_since IS NULL
    WHERE g.missing_since IS NOT NULL AND d.missing_since IS NULL
    ORDER BY g.id, f.modified_ns NULLS LAST, f.path
    """
)

_TAKE = text(
    """
    CREATE TEMP TABLE heir ON COMMIT DROP AS
    SELECT n.old, n.new, d.width::float8 / g.width AS across, d.height::float8 / g.height AS down,
        NULL::bigint AS orientation
    FROM unnest(CAST(:old AS bigint[]), CAST(:new AS bigint[])) AS n (old, new)
        JOIN image g ON g.id = n.old JOIN image d ON d.id = n.new
    """
)

# Pictures with the same pixels and another orientation need a turn instead of a scale.
_LIST_TURNED = text(
    """
    SELECT h.old, h.new, g.width, g.height, h.orientation AS before, d.orientation AS after
    FROM heir h JOIN image g ON g.id = h.old JOIN image d ON d.id = h.new
    WHERE h.orientation <> d.orientation ORDER BY h.old
    """
)
_IS_PLACED = text("UPDATE heir SET across = 1, down = 1 WHERE old = ANY(:ids)")
_HAS_ERASED = text("SELECT EXISTS (SELECT FROM erased_face WHERE image_id = :id)")

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
    """Make an existing duplicate the representative of each missing photo.

    The duplicate takes over the faces with their people, the erased rectangles, and the records of
    detection. The missing photo becomes its duplicate. The caller holds the LIBRARY lock.
    """
    lock_people(db)
    db.execute(_DROP)
    db.execute(_FIND)
    if db.execute(text("SELECT FROM heir LIMIT 1")).first() is not None:
        _turn_faces(db)
        _move_heritage(db)


def inherit(db: Session, pairs: Sequence[tuple[int, int]]) -> None:
    """Transfer the faces and decisions of one photo to another that shows the same in another size.

    Of each pair of ids, the second photo takes over the faces with their people, the erased
    rectangles and the records of detection, and represents the first one. The caller holds the
    locks LIBRARY and PEOPLE.
    """
    if pairs:
        db.execute(_DROP)
        db.execute(_TAKE, {"old": [old for old, _ in pairs], "new": [new for _, new in pairs]})
        _move_heritage(db)


def _move_heritage(db: Session) -> None:
    for statement in _INHERIT:
        db.execute(text(statement))


def _turn_faces(db: Session) -> None:
    """Move faces and erased rectangles into turned duplicates; crops stay unchanged."""
    rows = db.execute(_LIST_TURNED).all()
    for row in rows:
        relation = turn_within(row.before, row.after, row.width, row.height)
        transform_faces(db, row.old, relation)
        if not db.execute(_HAS_ERASED, {"id": row.new}).scalar_one():
            copy_erased(db, row.old, row.new, relation)
    db.execute(_IS_PLACED, {"ids": [row.old for row in rows]})

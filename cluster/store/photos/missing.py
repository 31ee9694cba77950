"""Marks photos as missing if none of their files exists.

A missing photo keeps its data: its faces help to recognise people, and it is complete again as soon
as a file with its content is found. It is not counted anywhere, and is forgotten only at a user's
request.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

_REFRESH = text(
    """
    UPDATE image i SET missing_since = CASE WHEN k.is_there THEN NULL ELSE now() END
    FROM (
        SELECT w.id, EXISTS (
            SELECT FROM file f WHERE f.image_id = w.id AND f.missing_since IS NULL
        ) AS is_there
        FROM image w WHERE w.id = ANY(:ids)
    ) k
    WHERE i.id = k.id AND (i.missing_since IS NULL) <> k.is_there
    """
)

_MARK = text(
    """
    UPDATE file SET missing_since = :now WHERE id = ANY(:ids) AND missing_since IS NULL
    RETURNING image_id
    """
)
_COUNT = text("SELECT count(*) FROM image WHERE id = ANY(:ids) AND missing_since IS NULL")


def refresh_missing(db: Session, image_ids: Sequence[int]) -> None:
    """Mark each of these photos as missing if none of its files exists, else as present."""
    if image_ids:
        db.execute(_REFRESH, {"ids": list(image_ids)})


def mark_files_missing(db: Session, file_ids: Sequence[int], *, now: datetime) -> int:
    """Mark these files as missing; return how many photos became missing."""
    if not file_ids:
        return 0
    rows = db.execute(_MARK, {"ids": list(file_ids), "now": now}).scalars()
    images = sorted({one for one in rows if one is not None})
    before = db.execute(_COUNT, {"ids": images}).scalar_one()
    refresh_missing(db, images)
    return int(before) - int(db.execute(_COUNT, {"ids": images}).scalar_one())

"""Compares a listing with the database as a session would, without writing anything.

The listing is streamed into temporary tables, so memory does not grow with the library. The
transaction is read-only from then on, so that PostgreSQL itself refuses any change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.dry_runs import (
    UNCOMPRESSED,
    Compared,
    DryListing,
    Finished,
    ListedAs,
    Unfinished,
)
from cluster.core.pictures.photos import FoundPhoto
from cluster.store.database.copying import Staging
from cluster.store.items.discovery import IS_UNCHANGED, fill_found
from cluster.store.sessions.library_rows import path_prefix

_LISTED = Staging(
    "listed",
    (
        ("n", "int8"),
        ("file_id", "int8"),
        ("listed_as", "text"),
        ("is_read", "bool"),
        ("is_decoded", "bool"),
        ("is_searched", "bool"),
    ),
)
"""The found files: the kind of each, and whether a session would read, decode and search it."""

# A moved file keeps its size and time, or else its size and name. An ETag identifies the content.
_SAME_TIME = "coalesce('e' || {0}.etag, {0}.size || '/' || {0}.modified_ns)"
_SAME_NAME = (
    f"CASE WHEN {{0}}.path !~* '[.]({'|'.join(UNCOMPRESSED)})$'"
    " THEN {0}.size || '/' || substring({0}.path from '[^/]*$') END"
)

_NO_LONGER_CHANGE = text("SET TRANSACTION READ ONLY")

_LIST = text(
    f"""
    INSERT INTO listed (n, file_id, listed_as, is_read, is_decoded, is_searched)
    SELECT f.n, k.id, what.listed_as, todo.is_read, todo.is_read, todo.is_searched
    FROM found f LEFT JOIN file k ON k.path_sha256 = f.path_sha256 AND NOT k.superseded
    LEFT JOIN session_item s ON s.session_id = :session_id AND s.file_id = k.id
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN k.id IS NULL OR k.image_id IS NULL AND NOT k.is_read THEN 'new'
            WHEN NOT ({IS_UNCHANGED}) THEN 'changed'
            WHEN k.unreadable IS NOT NULL OR EXISTS (
                SELECT FROM image i JOIN detection d ON d.image_id IN (i.id, i.duplicate_of)
                WHERE i.id = k.image_id AND d.pack = :pack
            ) THEN 'unchanged'
            ELSE 'unsearched'
        END AS listed_as
        OFFSET 0
    ) what
    CROSS JOIN LATERAL (
        SELECT coalesce(s.training_state = 'pending', what.listed_as <> 'unchanged' AND is_open)
                AS is_read,
            coalesce(
                s.detection_state = 'pending' AND s.training_state IN ('pending', 'processed'),
                what.listed_as <> 'unchanged' AND is_open
            ) AS is_searched
        FROM (SELECT CAST(:is_open AS boolean) AS is_open) o
    ) todo
    """
)

_UNMET = """
    unmet AS (
        SELECT k.* FROM file k
        WHERE NOT k.superseded AND k.missing_since IS NULL AND starts_with(k.path, :prefix)
            AND NOT EXISTS (SELECT FROM listed l WHERE l.file_id = k.id)
            AND NOT EXISTS (
                SELECT FROM unnest(CAST(:unlisted AS text[])) AS u (place)
                WHERE k.path = rtrim(u.place, '/') OR starts_with(k.path, u.place)
            )
    )
    """

# As in the census, a file that is gone is paired with a new one.
_PAIR_MOVED = [
    text(
        f"""
        WITH {_UNMET}, went AS (
            SELECT id, key, row_number() OVER (PARTITION BY key ORDER BY id) AS nth
            FROM (SELECT k.id, {key.format("k")} AS key FROM unmet k WHERE k.is_read) w
        ), came AS (
            SELECT n, key, row_number() OVER (PARTITION BY key ORDER BY n) AS nth
            FROM (
                SELECT l.n, {key.format("f")} AS key FROM listed l JOIN found f USING (n)
                WHERE l.listed_as = 'new' AND l.file_id IS NULL
            ) c
        )
        UPDATE listed l SET listed_as = 'moved', file_id = went.id,
            is_decoded = false, is_searched = false
        FROM came JOIN went USING (key, nth) WHERE l.n = came.n
        """
    )
    for key in (_SAME_TIME, _SAME_NAME)
]

_MARK_COPIES = text(
    f"""
    WITH known AS (
        SELECT DISTINCT {_SAME_NAME.format("k")} AS key FROM file k
        JOIN image i ON i.id = k.image_id JOIN detection d ON d.image_id IN (i.id, i.duplicate_of)
        WHERE k.is_read AND NOT k.superseded AND d.pack = :pack
    ), came AS (
        SELECT n, key, row_number() OVER (PARTITION BY key ORDER BY n) AS nth
        FROM (
            SELECT l.n, {_SAME_NAME.format("f")} AS key FROM listed l JOIN found f USING (n)
            WHERE l.listed_as = 'new' AND l.file_id IS NULL
        ) c WHERE key IS NOT NULL
    )
    UPDATE listed l SET listed_as = 'copy', is_searched = false,
        is_decoded = l.is_decoded AND known.key IS NULL
    FROM came LEFT JOIN known USING (key)
    WHERE l.n = came.n AND (came.nth > 1 OR known.key IS NOT NULL)
    """
)

_COUNT = text(
    """
    SELECT l.listed_as, count(*) AS photos, coalesce(sum(f.size), 0) AS size_bytes,
        count(*) FILTER (WHERE f.size IS NULL) AS sizes_unknown,
        coalesce(sum(f.size) FILTER (WHERE l.is_read), 0) AS bytes_to_read,
        count(*) FILTER (WHERE l.is_read) AS to_read,
        count(*) FILTER (WHERE l.is_decoded) AS to_decode,
        count(*) FILTER (WHERE l.is_searched) AS to_search
    FROM listed l JOIN found f USING (n) GROUP BY l.listed_as
    """
)

# A file is gone if no file of its photo, or of a photo with the same picture, was found.
_COUNT_GONE = text(
    f"""
    WITH {_UNMET}, there AS (
        SELECT coalesce(p.duplicate_of, p.id) AS photo FROM file o JOIN image p ON p.id = o.image_id
        WHERE o.missing_since IS NULL AND NOT o.superseded AND o.id NOT IN (SELECT id FROM unmet)
    )
    SELECT count(*) FROM unmet k LEFT JOIN image i ON i.id = k.image_id
    WHERE NOT EXISTS (SELECT FROM there WHERE there.photo = coalesce(i.duplicate_of, i.id))
    """
)
_COUNT_KNOWN = text(
    """
    SELECT count(*) FROM file k
    WHERE NOT k.superseded AND k.missing_since IS NULL AND starts_with(k.path, :prefix)
    """
)
_COUNT_FACES = text("SELECT coalesce(sum(faces), 0) FROM detection WHERE pack = :pack")

_SPREAD = text(
    """
    WITH wanted AS (
        SELECT f.path, row_number() OVER (ORDER BY f.n) AS nth, count(*) OVER () AS total
        FROM listed l JOIN found f USING (n)
        WHERE l.is_read OR l.is_searched
    )
    SELECT path FROM wanted WHERE (nth * :limit) / total <> ((nth - 1) * :limit) / total
    ORDER BY nth
    """
)


def compare_listing(
    db: Session,
    found: Iterable[FoundPhoto],
    *,
    root: str,
    pack: str,
    unfinished: Unfinished | None = None,
    finish: Callable[[], Finished],
    sample: int,
) -> Compared:
    """Compare these files with the database; only temporary tables are written.

    `found` is read once, as a stream; `finish` is called after it. At most `sample` paths are
    returned.
    """
    _LISTED.fill(db, ())
    fill_found(db, found)
    end = finish()
    db.execute(_NO_LONGER_CHANGE)
    key: dict[str, Any] = {
        "session_id": None if unfinished is None else unfinished.session_id,
        "is_open": unfinished is None or not unfinished.is_listed,
        "pack": pack,
        "prefix": path_prefix(root),
        "unlisted": [path_prefix(place) for place in end.unlisted],
    }
    _analyse(db, "found")
    db.execute(_LIST, key)
    _analyse(db, "listed")
    if end.is_complete:
        for pair in _PAIR_MOVED:
            db.execute(pair, key)
    db.execute(_MARK_COPIES, key)
    known = int(db.execute(_COUNT_KNOWN, key).scalar_one())
    gone = int(db.execute(_COUNT_GONE, key).scalar_one()) if end.is_complete else None
    listing = DryListing(
        **_add_up(db),
        known_faces=int(db.execute(_COUNT_FACES, key).scalar_one()),
        known=known if end.is_complete else None,
        gone=gone,
        is_complete=end.is_complete,
        passed_over=end.passed_over,
        unfinished=unfinished,
    )
    paths = db.execute(_SPREAD, {"limit": sample}).scalars().all()
    return Compared(listing, tuple(paths))


def _analyse(db: Session, table: str) -> None:
    """Update the planner's statistics of a temporary table."""
    db.execute(text(f"ANALYZE {table}"))


def _add_up(db: Session) -> dict[str, Any]:
    rows = {ListedAs(row.listed_as): row for row in db.execute(_COUNT)}
    sums = (
        *("photos", "size_bytes", "sizes_unknown"),
        *("bytes_to_read", "to_read", "to_decode", "to_search"),
    )
    added = {name: sum(int(getattr(row, name)) for row in rows.values()) for name in sums}
    counts = {kind: int(rows[kind].photos) for kind in ListedAs if kind in rows}
    return {"counts": counts, **added}

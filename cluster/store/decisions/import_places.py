"""Finds the photos and faces of this library to which the records of an import belong.

A photo is the same if a file has the same bytes, else if the picture has the same content, else if
a file with the same path and size shows a picture of the same size and time. The faces of a
duplicate are those of the photo that represents it. A face is the same if it is in the same place
of its photo, whatever pack found it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import SAME_PLACE
from cluster.core.pictures.placements import relative_turn, turning
from cluster.store.database.copying import Staging

ORIENTATIONS = range(1, 9)
PAGE = 5_000
SAME_MOMENT_S = 0.5
"""Two faces of a film up to this many seconds apart are at the same moment."""

_TURNS = Staging(
    "import_turn",
    (
        *(("before", "int8"), ("after", "int8"), ("xx", "float8"), ("xy", "float8")),
        *(("x0", "float8"), ("yx", "float8"), ("yy", "float8"), ("y0", "float8")),
    ),
)
MATCHES = Staging("import_match", (("number", "int8"), ("face_id", "int8")))

_INDEXED = (("import_place", "photo"), ("import_box", "number"), ("import_rectangle", "number"))

_DROP = text("DROP TABLE IF EXISTS import_place, import_box, import_rectangle")

# An existing file comes before one that is gone. If only metadata turned a picture, `before` and
# `after` are the two orientations.
_FIND_PHOTOS = text(
    """
    CREATE TEMP TABLE import_place ON COMMIT DROP AS
    WITH candidate AS (
        SELECT f.photo, x.image_id, 1 AS rank,
            x.superseded OR x.missing_since IS NOT NULL AS is_gone
        FROM import_file f JOIN file x ON x.sha256 = f.sha256 WHERE x.image_id IS NOT NULL
        UNION ALL
        SELECT p.number, i.id, 2, i.orientation <> p.orientation
        FROM import_photo p JOIN image i ON i.content = p.content
        UNION ALL
        SELECT f.photo, i.id, 3, false
        FROM import_file f JOIN import_photo p ON p.number = f.photo
            JOIN file x ON x.path = f.path AND x.size = f.size JOIN image i ON i.id = x.image_id
        WHERE NOT x.superseded AND (i.width, i.height) = (p.width, p.height)
            AND i.taken_at IS NOT DISTINCT FROM p.taken_at
    ), best AS (
        SELECT DISTINCT ON (photo) photo, image_id, rank FROM candidate
        ORDER BY photo, rank, is_gone, image_id
    ), found AS (
        SELECT b.photo, b.rank, p.orientation, p.width AS old_width, p.height AS old_height, m.id,
            m.content, m.orientation AS turned, m.width, m.height, m.duplicate_of
        FROM best b JOIN import_photo p ON p.number = b.photo JOIN image m ON m.id = b.image_id
    )
    SELECT f.photo, i.id AS image_id, i.width, i.height, i.id = coalesce(f.duplicate_of, f.id)
            AS has_faces,
        CASE WHEN f.rank = 3 THEN 1 ELSE f.orientation END AS before,
        CASE WHEN f.rank = 3 THEN 1 WHEN i.content = f.content THEN i.orientation ELSE f.turned END
            AS after,
        f.old_width, f.old_height
    FROM found f JOIN image i ON i.id = f.id OR i.id = f.duplicate_of
    """
)

# Pixels are used unchanged if the picture is the same, which avoids rounding.
_PLACE_BOXES = """
    CREATE TEMP TABLE {table} ON COMMIT DROP AS
    SELECT b.number, s.image_id, s.has_faces, {more},
        CASE WHEN k.same THEN b.pixels_left ELSE least(x1, x2) * s.width END AS box_left,
        CASE WHEN k.same THEN b.pixels_top ELSE least(y1, y2) * s.height END AS box_top,
        CASE WHEN k.same THEN b.pixels_right ELSE greatest(x1, x2) * s.width END AS box_right,
        CASE WHEN k.same THEN b.pixels_bottom ELSE greatest(y1, y2) * s.height END AS box_bottom
    FROM {source} b JOIN import_place s ON s.photo = b.photo
        JOIN import_turn t ON t.before = s.before AND t.after = s.after
        CROSS JOIN LATERAL (
            SELECT t.xx * box_left + t.xy * box_top + t.x0 AS x1,
                t.xx * box_right + t.xy * box_bottom + t.x0 AS x2,
                t.yx * box_left + t.yy * box_top + t.y0 AS y1,
                t.yx * box_right + t.yy * box_bottom + t.y0 AS y2
        ) c
        CROSS JOIN LATERAL (
            SELECT s.before = s.after AND s.width = s.old_width AND s.height = s.old_height AS same
        ) k
    """
_PLACE_FACES = text(
    _PLACE_BOXES.format(table="import_box", source="import_face", more="b.pack, b.time_s")
    + " WHERE s.has_faces"
)
_PLACE_ERASED = text(
    _PLACE_BOXES.format(table="import_rectangle", source="import_erased", more="b.photo")
)

OVERLAP = """
    CROSS JOIN LATERAL (
        SELECT greatest(0, least(a.box_right, b.box_right) - greatest(a.box_left, b.box_left))
                ::float8 *
            greatest(0, least(a.box_bottom, b.box_bottom) - greatest(a.box_top, b.box_top))
                AS shared,
            (a.box_right - a.box_left)::float8 * (a.box_bottom - a.box_top)
                + (b.box_right - b.box_left)::float8 * (b.box_bottom - b.box_top) AS areas
    ) o
    """
"""SQL that joins `shared`, the common area of the boxes of a and b, and `areas`, their sum."""

IS_SAME = f"o.areas > o.shared AND o.shared >= {SAME_PLACE} * (o.areas - o.shared)"

_PAIRS = text(
    f"""
    SELECT b.number, b.pack, f.id AS face_id
    FROM import_box b JOIN face f ON f.image_id = b.image_id
        CROSS JOIN LATERAL (SELECT f.box_left, f.box_top, f.box_right, f.box_bottom) a {OVERLAP}
    WHERE {IS_SAME} AND coalesce(abs(f.time_s - b.time_s) <= {SAME_MOMENT_S},
        f.time_s IS NULL AND b.time_s IS NULL)
    ORDER BY f.pack <> b.pack, o.shared / (o.areas - o.shared) DESC, f.pack, b.number, f.id
    """
)


def find_places(db: Session) -> None:
    """Find the photos of the staged records, and the places of their boxes in the pictures here."""
    _TURNS.fill(db, _list_turns())
    db.execute(_DROP)
    for statement in (_FIND_PHOTOS, _PLACE_FACES, _PLACE_ERASED):
        db.execute(statement)
    for table, column in _INDEXED:
        db.execute(text(f"CREATE INDEX ON {table} ({column})"))
        db.execute(text(f"ANALYZE {table}"))


def match_faces(db: Session) -> None:
    """Store in `import_match` which staged face is which face of this library.

    Faces of the same pack are matched first, then those of others, the largest overlap first. A
    staged face is matched once, and a face here once for each pack of the import.
    """
    MATCHES.fill(db, _choose_pairs(db))
    for column in ("number", "face_id"):
        name = f"ix_import_match_{column}"
        db.execute(text(f"CREATE INDEX IF NOT EXISTS {name} ON import_match ({column})"))
    db.execute(text("ANALYZE import_match"))


def _choose_pairs(db: Session) -> list[tuple[int, int]]:
    chosen: dict[int, int] = {}
    taken: set[tuple[str, int]] = set()
    for row in db.execute(_PAIRS, execution_options={"yield_per": PAGE}):
        if row.number not in chosen and (row.pack, row.face_id) not in taken:
            chosen[row.number] = row.face_id
            taken.add((row.pack, row.face_id))
    return list(chosen.items())


def _list_turns() -> Iterator[tuple[Any, ...]]:
    """Yield the maps between fractions of a picture in two orientations."""
    for before in ORIENTATIONS:
        for after in ORIENTATIONS:
            turn = turning(relative_turn(before, after), 1.0, 1.0)
            row = (turn.xx, turn.xy, turn.x0, turn.yx, turn.yy, turn.y0)
            yield before, after, *map(float, row)

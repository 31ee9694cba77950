"""Reads photos, people, faces and answers as the records of an export, in a canonical order.

The order and the numbers come from the stored values, not from ids of the database. So two
databases with the same content give the same records, in whatever order they were filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import FRACTION_DIGITS, PlacedBy, Section

Record = dict[str, Any]

PAGE = 2_000
"""How many rows are fetched at a time."""

_DROP = text("DROP TABLE IF EXISTS export_photo, export_face, export_person")

_NUMBER_PHOTOS = text(
    """
    CREATE TEMP TABLE export_photo ON COMMIT DROP AS
    SELECT i.id, row_number() OVER (ORDER BY i.content, i.orientation, f.sha256, f.path, i.id)
        AS number
    FROM image i LEFT JOIN (
        SELECT image_id, min(encode(sha256, 'hex') COLLATE "C") AS sha256,
            min(path COLLATE "C") AS path
        FROM file WHERE image_id IS NOT NULL GROUP BY image_id
    ) f ON f.image_id = i.id
    """
)
_NUMBER_FACES = text(
    """
    CREATE TEMP TABLE export_face ON COMMIT DROP AS
    SELECT f.id, p.number AS photo, f.person_id, f.placed_by_user, row_number() OVER (
            ORDER BY p.number, f.pack COLLATE "C", f.time_s NULLS FIRST, f.box_left, f.box_top,
                f.box_right, f.box_bottom, f.verdict, f.placed_by_user, f.id
        ) AS number
    FROM face f JOIN export_photo p ON p.id = f.image_id
    WHERE CAST(:pack AS text) IS NULL OR f.pack = :pack
    """
)

# A person with neither a name nor a face is deleted by the next grouping.
_NUMBER_PEOPLE = text(
    """
    CREATE TEMP TABLE export_person ON COMMIT DROP AS
    SELECT p.id, row_number() OVER (
            ORDER BY p.pack COLLATE "C", f.first, p.name_key COLLATE "C", p.hidden, p.birth_date,
                p.id
        ) AS number,
        p.name IS NOT NULL OR p.hidden OR p.birth_date IS NOT NULL
            OR coalesce(f.has_placed, false)
            OR EXISTS (SELECT FROM face WHERE face.id = p.cover_face_id AND person_id = p.id)
            AS is_decided
    FROM person p LEFT JOIN (
        SELECT person_id, min(number) AS first, bool_or(placed_by_user) AS has_placed
        FROM export_face GROUP BY person_id
    ) f ON f.person_id = p.id
    WHERE (CAST(:pack AS text) IS NULL OR p.pack = :pack)
        AND (p.name IS NOT NULL OR f.first IS NOT NULL)
    """
)

_NUMBERS = (
    ("export_photo", _NUMBER_PHOTOS),
    ("export_face", _NUMBER_FACES),
    ("export_person", _NUMBER_PEOPLE),
)

_PHOTOS = """
    SELECT e.number, encode(i.content, 'hex') AS content, i.orientation, i.width, i.height,
        i.taken_at, d.number AS duplicate_of, (
            SELECT coalesce(json_agg(
                json_build_object('path', f.path, 'sha256', encode(f.sha256, 'hex'), 'size', f.size)
                ORDER BY f.path COLLATE "C", f.sha256
            ), '[]')
            FROM file f WHERE f.image_id = i.id AND f.sha256 IS NOT NULL
        ) AS files
    FROM export_photo e JOIN image i ON i.id = e.id
        LEFT JOIN export_photo d ON d.id = i.duplicate_of
    ORDER BY e.number
    """
_PEOPLE = """
    SELECT e.number, p.pack, p.name, p.hidden, p.birth_date, c.number AS cover, e.is_decided
    FROM export_person e JOIN person p ON p.id = e.id
        LEFT JOIN export_face c ON c.id = p.cover_face_id AND c.person_id = p.id
    ORDER BY e.number
    """
_FACES = """
    SELECT e.number, e.photo, f.pack, f.box_left, f.box_top, f.box_right, f.box_bottom, i.width,
        i.height, f.time_s, f.embedding IS NOT NULL AS has_vector, p.number AS person,
        f.placed_by_user, f.placed_at, f.verdict
    FROM export_face e JOIN face f ON f.id = e.id JOIN image i ON i.id = f.image_id
        LEFT JOIN export_person p ON p.id = f.person_id
    ORDER BY e.number
    """
_ERASED = """
    SELECT e.number AS photo, x.box_left, x.box_top, x.box_right, x.box_bottom, i.width, i.height
    FROM erased_face x JOIN export_photo e ON e.id = x.image_id JOIN image i ON i.id = e.id
    ORDER BY e.number, x.box_left, x.box_top, x.box_right, x.box_bottom
    """
_ANSWERS = """
    SELECT a.pack, a.answer, a.answered_at, a.first_faces, a.second_faces, f.number AS first_face,
        g.number AS second_face, p.number AS first_person, q.number AS second_person
    FROM face_answer a LEFT JOIN export_face f ON f.id = a.first_face_id
        LEFT JOIN export_face g ON g.id = a.second_face_id
        LEFT JOIN export_person p ON p.id = a.first_person_id
        LEFT JOIN export_person q ON q.id = a.second_person_id
    WHERE (CAST(:pack AS text) IS NULL OR a.pack = :pack)
        AND (f.number IS NOT NULL OR p.number IS NOT NULL)
        AND (g.number IS NOT NULL OR q.number IS NOT NULL)
    ORDER BY a.answered_at, f.number, g.number, p.number, q.number, a.answer, a.id
    """


def number_rows(db: Session, *, pack: str | None) -> None:
    """Number photos, faces and people for `list_records`, until the transaction ends.

    Only faces and people of `pack` are numbered, or those of all packs when it is None.
    """
    db.execute(_DROP)
    for table, statement in _NUMBERS:
        db.execute(statement, {"pack": pack} if ":pack" in statement.text else {})
        db.execute(text(f"CREATE INDEX ON {table} (id)"))
        db.execute(text(f"ANALYZE {table}"))


def list_records(db: Session, section: Section, *, pack: str | None) -> Iterator[Record]:
    """Yield the records of a section in order, with one page of rows in memory at a time."""
    query, to_record = _SECTIONS[section]
    key = {"pack": pack} if ":pack" in query else {}
    options = {"stream_results": True, "yield_per": PAGE}
    for row in db.execute(text(query), key, execution_options=options):
        yield to_record(row)


def format_time(time: datetime | None) -> str | None:
    """Format a time in UTC, as in 2026-05-01T12:00:00Z; None stays None."""
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _to_photo(row: Row[Any]) -> Record:
    return {
        "id": row.number,
        "content": row.content,
        "orientation": row.orientation,
        "width": row.width,
        "height": row.height,
        "takenAt": None if row.taken_at is None else row.taken_at.isoformat(),
        "duplicateOf": row.duplicate_of,
        "files": row.files,
    }


def _to_person(row: Row[Any]) -> Record:
    return {
        "id": row.number,
        "pack": row.pack,
        "name": row.name,
        "isHidden": row.hidden,
        "birthDate": None if row.birth_date is None else row.birth_date.isoformat(),
        "coverFace": row.cover,
        "isDecided": row.is_decided,
    }


def _to_face(row: Row[Any]) -> Record:
    is_grouped = row.person is not None
    placed_by = PlacedBy.USER if row.placed_by_user else PlacedBy.GROUPING if is_grouped else None
    return {
        "id": row.number,
        "photo": row.photo,
        "pack": row.pack,
        **_to_boxes(row),
        "timeS": row.time_s,
        "hasVector": row.has_vector,
        "person": row.person,
        "placedBy": placed_by,
        "placedAt": format_time(row.placed_at) if row.placed_by_user else None,
        "verdict": row.verdict,
    }


def _to_erased(row: Row[Any]) -> Record:
    return {"photo": row.photo, **_to_boxes(row)}


def _to_answer(row: Row[Any]) -> Record:
    return {
        "pack": row.pack,
        "answer": row.answer,
        "answeredAt": format_time(row.answered_at),
        "first": {"face": row.first_face, "person": row.first_person, "faces": row.first_faces},
        "second": {"face": row.second_face, "person": row.second_person, "faces": row.second_faces},
    }


def _to_boxes(row: Row[Any]) -> dict[str, dict[str, float]]:
    """Return a box as fractions of the upright picture, and in its pixels."""
    sides = {
        "left": (row.box_left, row.width),
        "top": (row.box_top, row.height),
        "right": (row.box_right, row.width),
        "bottom": (row.box_bottom, row.height),
    }
    fractions = {
        side: round(pixels / max(1, whole), FRACTION_DIGITS)
        for side, (pixels, whole) in sides.items()
    }
    return {"box": fractions, "pixels": {side: pixels for side, (pixels, _) in sides.items()}}


_SECTIONS: Mapping[Section, tuple[str, Any]] = {
    Section.PHOTOS: (_PHOTOS, _to_photo),
    Section.PEOPLE: (_PEOPLE, _to_person),
    Section.FACES: (_FACES, _to_face),
    Section.ERASED: (_ERASED, _to_erased),
    Section.ANSWERS: (_ANSWERS, _to_answer),
}

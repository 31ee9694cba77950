"""Writes the records of an export into temporary tables, where SQL matches them.

The tables are empty at the start of each transaction. Each record is also kept as it was read, so
that it can be stored if it cannot be placed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_records import (
    Exported,
    ExportedAnswer,
    ExportedErasure,
    ExportedFace,
    ExportedPerson,
    ExportedPhoto,
)
from cluster.core.identity.faces import BoundingBox
from cluster.core.identity.people import fold_name
from cluster.store.database.copying import Staging

BATCH = 5_000
"""The number of records that are written to the tables at a time."""

_BOXES = tuple(
    (f"{kind}_{side}", "float8")
    for kind in ("box", "pixels")
    for side in ("left", "top", "right", "bottom")
)

PHOTOS = Staging(
    "import_photo",
    (
        *(("number", "int8"), ("content", "bytea"), ("orientation", "int8"), ("width", "int8")),
        *(("height", "int8"), ("taken_at", "timestamp"), ("record", "text")),
    ),
)
FILES = Staging(
    "import_file",
    (("photo", "int8"), ("path", "text"), ("sha256", "bytea"), ("size", "int8")),
)
PEOPLE = Staging(
    "import_person",
    (
        *(("number", "int8"), ("pack", "text"), ("name", "text"), ("name_key", "text")),
        *(("hidden", "bool"), ("birth_date", "date"), ("cover", "int8"), ("is_decided", "bool")),
        *(("here", "int8"), ("is_applied", "bool"), ("is_conflict", "bool"), ("record", "text")),
    ),
)
FACES = Staging(
    "import_face",
    (
        *(("number", "int8"), ("photo", "int8"), ("pack", "text"), *_BOXES, ("time_s", "float8")),
        *(("has_vector", "bool"), ("person", "int8"), ("by_user", "bool")),
        ("placed_at", "timestamptz"),
        *(("verdict", "text"), ("is_side", "bool"), ("record", "text")),
    ),
)
ERASED = Staging(
    "import_erased", (("number", "int8"), ("photo", "int8"), *_BOXES, ("record", "text"))
)
ANSWERS = Staging(
    "import_answer",
    (
        *(("number", "int8"), ("pack", "text"), ("answer", "text"), ("answered_at", "timestamptz")),
        *(("first_face", "int8"), ("first_person", "int8"), ("first_faces", "int8")),
        *(("second_face", "int8"), ("second_person", "int8"), ("second_faces", "int8")),
        ("record", "text"),
    ),
)
_INDEXED = (
    *((PHOTOS, "number"), (FILES, "photo"), (PEOPLE, "number"), (FACES, "number")),
    *((FACES, "person"), (FACES, "photo"), (ERASED, "number"), (ANSWERS, "number")),
)
TABLES = (PHOTOS, FILES, PEOPLE, FACES, ERASED, ANSWERS)


@dataclass(frozen=True, slots=True)
class StagedPerson:
    """A person of an import, and the results of earlier placings of the same import.

    `here` is the person of this library, `is_applied` tells that its name, birth date and cover
    were given to that person, and `is_conflict` that only a contradiction is known.
    """

    person: ExportedPerson
    here: int | None = None
    is_applied: bool = False
    is_conflict: bool = False


@dataclass(frozen=True, slots=True)
class StagedFace:
    """A face of an import; `is_side` when it only names one side of an answer."""

    face: ExportedFace
    is_side: bool = False


Row = tuple[Any, ...]
Staged = ExportedPhoto | StagedPerson | StagedFace | ExportedErasure | ExportedAnswer


def clear_staged(db: Session) -> None:
    """Create the tables and empty them."""
    for table in TABLES:
        table.clear(db)
    for table, column in _INDEXED:
        name = f"ix_{table.name}_{column}"
        db.execute(text(f"CREATE INDEX IF NOT EXISTS {name} ON pg_temp.{table.name} ({column})"))


def stage_records(db: Session, records: Iterable[Exported | Staged]) -> None:
    """Add records to the tables, a batch in memory at a time; they may come in any order."""
    counts = {ExportedErasure: itertools.count(1), ExportedAnswer: itertools.count(1)}
    for kind, run in itertools.groupby(records, key=type):
        table, to_row = _ROWS[kind]
        while batch := list(itertools.islice(run, BATCH)):
            if kind in counts:
                rows = [
                    to_row(one, number) for one, number in zip(batch, counts[kind], strict=False)
                ]
            else:
                rows = [to_row(one) for one in batch]
            table.append(db, rows)
            photos = (one for one in batch if isinstance(one, ExportedPhoto))
            FILES.append(db, (row for photo in photos for row in _file_rows(photo)))


def analyze_staged(db: Session) -> None:
    """Update the planner's statistics of the tables."""
    for table in TABLES:
        db.execute(text(f"ANALYZE {table.name}"))


def _photo_row(photo: ExportedPhoto) -> Row:
    size = (photo.width, photo.height)
    return (photo.id, photo.content, photo.orientation, *size, photo.taken_at, photo.record)


def _file_rows(photo: ExportedPhoto) -> Iterator[Row]:
    return ((photo.id, file.path, file.sha256, file.size) for file in photo.files)


def _person_row(staged: StagedPerson) -> Row:
    one = staged.person
    key = None if one.name is None else fold_name(one.name)
    what = (one.id, one.pack, one.name, key, one.is_hidden, one.birth_date, one.cover_face)
    known = (staged.here, staged.is_applied, staged.is_conflict)
    return (*what, one.is_decided, *known, one.record)


def _face_row(staged: StagedFace) -> Row:
    one = staged.face
    boxes = (*_sides(one.box), *_sides(one.pixels))
    placed = (one.has_vector, one.person, one.is_placed_by_user, one.placed_at, one.verdict)
    return (one.id, one.photo, one.pack, *boxes, one.time_s, *placed, staged.is_side, one.record)


def _erasure_row(one: ExportedErasure, number: int) -> Row:
    return (number, one.photo, *_sides(one.box), *_sides(one.pixels), one.record)


def _answer_row(one: ExportedAnswer, number: int) -> Row:
    sides = (
        value for side in (one.first, one.second) for value in (side.face, side.person, side.faces)
    )
    return (number, one.pack, one.answer, one.answered_at, *sides, one.record)


def _sides(box: BoundingBox) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom


_ROWS: Mapping[type, tuple[Staging, Callable[..., Row]]] = {
    ExportedPhoto: (PHOTOS, _photo_row),
    ExportedPerson: (PEOPLE, lambda one: _person_row(StagedPerson(one))),
    StagedPerson: (PEOPLE, _person_row),
    ExportedFace: (FACES, lambda one: _face_row(StagedFace(one))),
    StagedFace: (FACES, _face_row),
    ExportedErasure: (ERASED, _erasure_row),
    ExportedAnswer: (ANSWERS, _answer_row),
}

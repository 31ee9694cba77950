"""The records of an export as values, checked field by field as they are read.

A reader raises ValueError with the field and its fault, as in `box.left is not a number`. Unknown
fields are ignored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cluster.core.decisions.decision_format import PlacedBy
from cluster.core.decisions.record_fields import MAX_SIDE_PX, Fields
from cluster.core.identity.changes import Answer
from cluster.core.identity.faces import BoundingBox, FaceVerdict

SHA256_BYTES = 32

Record = dict[str, Any]
"""A record as it was decoded from JSON."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A place of a photo: its path or URL, and the SHA-256 and size of its bytes."""

    path: str
    sha256: bytes
    size: int | None


@dataclass(frozen=True, slots=True)
class ExportedPhoto:
    """A photo by its files and its content; `record` is its JSON as it was read."""

    id: int
    content: bytes | None
    orientation: int
    width: int
    height: int
    taken_at: datetime | None
    files: tuple[ExportedFile, ...]
    record: str


@dataclass(frozen=True, slots=True)
class ExportedPerson:
    """A person of a pack. `is_decided` tells whether a user has edited the person."""

    id: int
    pack: str
    name: str | None
    is_hidden: bool
    birth_date: date | None
    cover_face: int | None
    is_decided: bool
    record: str


@dataclass(frozen=True, slots=True)
class ExportedFace:
    """A face; `box` is in fractions of the upright picture, `pixels` in its pixels.

    `has_vector` is false for a face that no detector found.
    """

    id: int
    photo: int
    pack: str
    box: BoundingBox
    pixels: BoundingBox
    time_s: float | None
    has_vector: bool
    person: int | None
    is_placed_by_user: bool
    placed_at: datetime | None
    verdict: FaceVerdict | None
    record: str


@dataclass(frozen=True, slots=True)
class ExportedErasure:
    """The place of a face that was erased, with boxes like those of a face."""

    photo: int
    box: BoundingBox
    pixels: BoundingBox
    record: str


@dataclass(frozen=True, slots=True)
class ExportedSide:
    """One side of an answer: a face, or else a person; `faces` is the number of its faces."""

    face: int | None
    person: int | None
    faces: int


@dataclass(frozen=True, slots=True)
class ExportedAnswer:
    """An answer to the question whether two faces are the same person."""

    pack: str
    answer: Answer
    answered_at: datetime
    first: ExportedSide
    second: ExportedSide
    record: str


Exported = ExportedPhoto | ExportedPerson | ExportedFace | ExportedErasure | ExportedAnswer


def _to_text(record: Record) -> str:
    """Return a record as JSON that can be stored. Raises ValueError."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        is_storable = False
    else:
        is_storable = "\\u0000" not in text
    if not is_storable:
        raise ValueError("the record holds characters that cannot be stored")
    return text


def read_photo(record: Record) -> ExportedPhoto:
    """Return the photo of a record. Raises ValueError."""
    fields, files = Fields(record), record.get("files")
    if not isinstance(files, list):
        raise ValueError("files is not a list")
    return ExportedPhoto(
        id=fields.get_int("id"),
        content=fields.find_digest("content"),
        orientation=fields.get_int("orientation", most=8),
        width=fields.get_int("width", most=MAX_SIDE_PX),
        height=fields.get_int("height", most=MAX_SIDE_PX),
        taken_at=fields.find_time("takenAt", has_zone=False),
        files=tuple(_read_file(one, n) for n, one in enumerate(files)),
        record=_to_text(record),
    )


def _read_file(record: object, number: int) -> ExportedFile:
    fields = Fields(record, name=f"files[{number}]")
    sha256 = fields.get_digest("sha256", length=SHA256_BYTES)
    return ExportedFile(fields.get_text("path"), sha256, fields.find_int("size", least=0))


def read_person(record: Record) -> ExportedPerson:
    """Return the person of a record. Raises ValueError."""
    fields = Fields(record)
    return ExportedPerson(
        id=fields.get_int("id"),
        pack=fields.get_text("pack"),
        name=fields.find_name("name"),
        is_hidden=fields.get_bool("isHidden"),
        birth_date=fields.find_birth_date("birthDate"),
        cover_face=fields.find_int("coverFace"),
        is_decided=fields.get_bool("isDecided"),
        record=_to_text(record),
    )


def read_face(record: Record) -> ExportedFace:
    """Return the face of a record. Raises ValueError."""
    fields = Fields(record)
    person = fields.find_int("person")
    verdict = fields.find_choice("verdict", FaceVerdict)
    placed_by = fields.find_choice("placedBy", PlacedBy)
    if person is not None and verdict is not None:
        raise ValueError("a face with a verdict belongs to no person")
    return ExportedFace(
        id=fields.get_int("id"),
        photo=fields.get_int("photo"),
        pack=fields.get_text("pack"),
        box=fields.get_box("box", is_fraction=True),
        pixels=fields.get_box("pixels", is_fraction=False),
        time_s=None if fields.is_none("timeS") else fields.get_float("timeS"),
        has_vector=fields.is_none("hasVector") or fields.get_bool("hasVector"),
        person=person,
        is_placed_by_user=placed_by is PlacedBy.USER or verdict is not None,
        placed_at=fields.find_time("placedAt", has_zone=True),
        verdict=verdict,
        record=_to_text(record),
    )


def read_erasure(record: Record) -> ExportedErasure:
    """Return the place of an erased face. Raises ValueError."""
    fields = Fields(record)
    box, pixels = (
        fields.get_box("box", is_fraction=True),
        fields.get_box("pixels", is_fraction=False),
    )
    return ExportedErasure(fields.get_int("photo"), box, pixels, _to_text(record))


def read_answer(record: Record) -> ExportedAnswer:
    """Return the answer of a record. Raises ValueError."""
    fields = Fields(record)
    answer, time = (
        fields.find_choice("answer", Answer),
        fields.find_time("answeredAt", has_zone=True),
    )
    if answer is None or time is None:
        raise ValueError("answer or answeredAt is missing")
    first, second = (_read_side(record.get(side), side) for side in ("first", "second"))
    pack = fields.get_text("pack")
    return ExportedAnswer(pack, answer, time, first, second, _to_text(record))


def _read_side(record: object, name: str) -> ExportedSide:
    fields = Fields(record, name=name)
    face, person = fields.find_int("face"), fields.find_int("person")
    if face is None and person is None:
        raise ValueError(f"{name} names neither a face nor a person")
    return ExportedSide(face, person, fields.get_int("faces"))

"""The records of an export as values, checked field by field as they are read.

A reader raises ValueError with the field and what is wrong with it, as in `box.left is not a
number`. Fields that it does not know are left out.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from cluster.core.ages import EARLIEST_BIRTH
from cluster.core.changes import Answer
from cluster.core.decision_format import PlacedBy
from cluster.core.faces import BoundingBox, FaceVerdict
from cluster.core.people import MAX_NAME_CHARACTERS

MOST = 2**63 - 1
MAX_SIDE_PX = 2**31 - 1
MAX_TEXT_CHARACTERS = 20_000
SHA256_BYTES = 32
OUTSIDE = 1.0
"""How far a box may reach out of its picture, as a fraction: a detector guesses what is cut off."""

Record = dict[str, Any]
"""A record as it was decoded from JSON."""

Choice = TypeVar("Choice", bound=StrEnum)


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
    """A person of a pack. `is_decided` tells that a user did something about the person."""

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
    """A face; `box` is in fractions of the upright picture, `pixels` in its pixels."""

    id: int
    photo: int
    pack: str
    box: BoundingBox
    pixels: BoundingBox
    time_s: float | None
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
    """One side of an answer: a face, else a person; `faces` is how many it had."""

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


class Fields:
    """The fields of one record; each method returns a checked value, or raises ValueError."""

    def __init__(self, record: object, *, name: str = "") -> None:
        if not isinstance(record, dict):
            raise ValueError(f"{name or 'the record'} is not an object")
        self.record: Mapping[str, object] = record
        self.prefix = f"{name}." if name else ""

    def fail(self, field: str, wrong: str) -> ValueError:
        """Return the error for a field."""
        return ValueError(f"{self.prefix}{field} {wrong}")

    def is_none(self, field: str) -> bool:
        """Tell whether a field is null or left out."""
        return self.record.get(field) is None

    def get_int(self, field: str, *, least: int = 1, most: int = MOST) -> int:
        """Return a whole number within these limits."""
        value = self.record.get(field)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fail(field, "is not a whole number")
        if not least <= value <= most:
            raise self.fail(field, f"is not between {least} and {most}")
        return value

    def find_int(self, field: str, *, least: int = 1) -> int | None:
        """Return a whole number, or None."""
        return None if self.is_none(field) else self.get_int(field, least=least)

    def get_float(self, field: str) -> float:
        """Return a finite number."""
        value = self.record.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(field, "is not a number")
        if not math.isfinite(value) or abs(value) > MAX_SIDE_PX:
            raise self.fail(field, "is not a number within reason")
        return float(value)

    def get_bool(self, field: str) -> bool:
        """Return true or false."""
        value = self.record.get(field)
        if not isinstance(value, bool):
            raise self.fail(field, "is neither true nor false")
        return value

    def get_text(self, field: str, *, most: int = MAX_TEXT_CHARACTERS) -> str:
        """Return a text of 1 to `most` characters."""
        value = self.record.get(field)
        if not isinstance(value, str):
            raise self.fail(field, "is not a text")
        if not 1 <= len(value) <= most:
            raise self.fail(field, f"has not 1 to {most} characters")
        return value

    def find_name(self, field: str) -> str | None:
        """Return the name of a person, or None."""
        if self.is_none(field):
            return None
        name = self.get_text(field, most=MAX_NAME_CHARACTERS).strip()
        if not name or any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in name):
            raise self.fail(field, "holds control characters, or nothing but space")
        return name

    def get_digest(self, field: str, *, length: int | None = None) -> bytes:
        """Return the bytes of a digest in hexadecimal, `length` of them."""
        value = self.get_text(field, most=256)
        try:
            digest = bytes.fromhex(value)
        except ValueError:
            raise self.fail(field, "is not hexadecimal") from None
        if length is not None and len(digest) != length:
            raise self.fail(field, f"is not a digest of {length} bytes")
        return digest

    def find_digest(self, field: str) -> bytes | None:
        """Return the bytes of a digest, or None."""
        return None if self.is_none(field) else self.get_digest(field)

    def find_time(self, field: str, *, has_zone: bool) -> datetime | None:
        """Return a time with its zone, in UTC, or one without a zone; or None."""
        if self.is_none(field):
            return None
        try:
            time = datetime.fromisoformat(self.get_text(field, most=64))
            if (time.tzinfo is not None) != has_zone:
                raise ValueError
            return time.astimezone(UTC) if has_zone else time
        except (ValueError, OverflowError):
            zone = "with" if has_zone else "without"
            raise self.fail(field, f"is not a time {zone} a zone, as ISO 8601 has it") from None

    def find_birth_date(self, field: str) -> date | None:
        """Return a birth date, or None."""
        if self.is_none(field):
            return None
        try:
            found = date.fromisoformat(self.get_text(field, most=10))
        except ValueError:
            raise self.fail(field, "is not a date like 2014-05-03") from None
        if found < EARLIEST_BIRTH:
            raise self.fail(field, f"is before {EARLIEST_BIRTH}")
        return found

    def find_choice(self, field: str, kind: type[Choice]) -> Choice | None:
        """Return one of the values of an enum, or None."""
        value = self.record.get(field)
        if value is None:
            return None
        if not isinstance(value, str) or value not in list(kind):
            raise self.fail(field, f"is none of {', '.join(kind)}")
        return kind(value)

    def get_box(self, field: str, *, is_fraction: bool) -> BoundingBox:
        """Return a box, which as fractions lies at least in part within its picture."""
        sides = Fields(self.record.get(field), name=f"{self.prefix}{field}")
        box = BoundingBox(*(sides.get_float(side) for side in ("left", "top", "right", "bottom")))
        if box.left > box.right or box.top > box.bottom:
            raise self.fail(field, "has its right side left of its left one, or is upside down")
        if is_fraction and not _is_near(box):
            raise self.fail(field, "lies outside its picture")
        return box


def _is_near(box: BoundingBox) -> bool:
    is_in_part_within = box.left <= 1 and box.top <= 1 and box.right >= 0 and box.bottom >= 0
    least, most = min(box.left, box.top), max(box.right, box.bottom)
    return is_in_part_within and least >= -OUTSIDE and most <= 1 + OUTSIDE


def _to_text(record: Record) -> str:
    """Return a record as JSON that can be stored. Raises ValueError."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    if "\\u0000" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the record holds characters that cannot be stored")
    return text


def read_photo(record: Record) -> ExportedPhoto:
    """Return a photo. Raises ValueError."""
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
    """Return a person. Raises ValueError."""
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
    """Return a face. Raises ValueError."""
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
    """Return an answer. Raises ValueError."""
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

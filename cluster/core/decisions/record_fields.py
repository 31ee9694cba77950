"""Checks the fields of one record of an export, and names the first invalid one."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from cluster.core.identity.ages import EARLIEST_BIRTH
from cluster.core.identity.faces import BoundingBox
from cluster.core.identity.people import MAX_NAME_CHARACTERS

MOST = 2**63 - 1
MAX_SIDE_PX = 2**31 - 1
MAX_TEXT_CHARACTERS = 20_000
OUTSIDE = 1.0
"""How far a box may extend beyond its picture, as a fraction, because detectors guess the part that
is cut off."""

Choice = TypeVar("Choice", bound=StrEnum)


class Fields:
    """The fields of one record; each method returns a checked value, or raises ValueError."""

    def __init__(self, record: object, *, name: str = "") -> None:
        if not isinstance(record, dict):
            raise ValueError(f"{name or 'the record'} is not an object")
        self.record: Mapping[str, object] = record
        self.prefix = f"{name}." if name else ""

    def fail(self, field: str, wrong: str) -> ValueError:
        """Return the ValueError for a field, with its full name."""
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
        """Return a finite number of at most MAX_SIDE_PX, positive or negative."""
        value = self.record.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(field, "is not a number")
        if not math.isfinite(value) or abs(value) > MAX_SIDE_PX:
            raise self.fail(field, "is not finite, or too large")
        return float(value)

    def get_bool(self, field: str) -> bool:
        """Return true or false."""
        value = self.record.get(field)
        if not isinstance(value, bool):
            raise self.fail(field, "is neither true nor false")
        return value

    def get_record(self, field: str) -> Fields:
        """Return the fields of a record within this one."""
        return Fields(self.record.get(field), name=f"{self.prefix}{field}")

    def get_text(self, field: str, *, least: int = 1, most: int = MAX_TEXT_CHARACTERS) -> str:
        """Return a text of `least` to `most` characters."""
        value = self.record.get(field)
        if not isinstance(value, str):
            raise self.fail(field, "is not a text")
        if not least <= len(value) <= most:
            raise self.fail(field, f"does not have {least} to {most} characters")
        return value

    def find_name(self, field: str) -> str | None:
        """Return the name of a person, or None."""
        if self.is_none(field):
            return None
        name = self.get_text(field, most=MAX_NAME_CHARACTERS).strip()
        if not name or any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in name):
            raise self.fail(field, "has control characters, or only spaces")
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
            raise self.fail(field, f"is not an ISO 8601 time {zone} a zone") from None

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
            raise self.fail(field, f"is not one of {', '.join(kind)}")
        return kind(value)

    def get_box(self, field: str, *, is_fraction: bool) -> BoundingBox:
        """Return a box.

        If `is_fraction`, the box must overlap its picture, and not extend far beyond it.
        """
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

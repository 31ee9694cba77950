"""Reads size, time and ETag of a file from a store's listing, as the database can hold them.

Drivers disagree about names and types, and some pass on anything that a server sends. A value that
cannot be parsed is unknown: None, not 0. A number beyond 64 bits becomes the nearest one within
them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

Parsed = TypeVar("Parsed")

MAX_INT64 = 2**63 - 1
MAX_TEXT_CHARACTERS = 200

_FTP_DIGITS = 14
_NS = 1_000_000_000
_MOST_S = 10**10
"""More seconds than 64 bits of nanoseconds hold."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = (
    *("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "modified", "modify"),
    *("created", "timeCreated"),
)
_ETAGS = (
    *("ETag", "etag", "md5", "md5Hash", "content_md5", "Content-MD5", "Digest", "checksum"),
    *("generation", "version_id", "VersionId"),
)
_NO_VERSION = "null"
"""The version that S3 gives to a file in a bucket without versions."""


def to_int64(number: int) -> int:
    """Return the nearest number from -MAX_INT64 to MAX_INT64."""
    return max(-MAX_INT64, min(number, MAX_INT64))


def find_size(info: Mapping[str, Any]) -> int | None:
    """Return the size of a file in bytes; None when the store gives no valid size."""
    number = _to_number(info.get("size"))
    return None if number is None or number < 0 else to_int64(int(number))


def find_modified_ns(info: Mapping[str, Any]) -> int | None:
    """Return when a file was written, in nanoseconds since 1970; None when it is unknown.

    A number counts seconds; a time without a zone is UTC; a text is a date as HTTP, ISO 8601 or
    FTP writes it, or a number of seconds.
    """
    times = (_to_ns(info.get(key)) for key in _TIMES)
    return next((time for time in times if time is not None), None)


def find_etag(info: Mapping[str, Any]) -> str | None:
    """Return an ETag, checksum or version that identifies a file's content, as the store writes it.

    None if the store gives none of at most 200 printable characters.
    """
    texts = (_to_tag(info.get(key)) for key in _ETAGS)
    return next((text for text in texts if text is not None), None)


def _to_number(value: object) -> float | None:
    if isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS:
        text = value.strip()
        value = _try(int if text.isdecimal() else float, text)
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    return value if isinstance(value, float) and math.isfinite(value) else None


def _to_ns(value: object) -> int | None:
    if isinstance(value, str):
        value = _parse_time(value) or value
    if isinstance(value, datetime):
        return _datetime_to_ns(value)
    seconds = _to_number(value)
    # The number is limited before it is multiplied, because a large float would become infinite.
    return None if seconds is None else to_int64(int(max(-_MOST_S, min(seconds, _MOST_S)) * _NS))


def _datetime_to_ns(moment: datetime) -> int:
    aware = moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment
    return to_int64((aware - _EPOCH) // timedelta(microseconds=1) * 1000)


def _parse_time(text: str) -> datetime | None:
    text = text.strip()
    if len(text) > MAX_TEXT_CHARACTERS:
        return None
    if text.isdecimal():
        return _try(_parse_ftp, text) if len(text) == _FTP_DIGITS else None
    return _try(datetime.fromisoformat, text) or _try(parsedate_to_datetime, text)


def _parse_ftp(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M%S")


def _to_tag(value: object) -> str | None:
    if isinstance(value, bytes | bytearray):
        value = value.hex()
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # Not str(value): Python refuses to write a number of more than 4,300 digits.
    text = value if isinstance(value, str) else f"{to_int64(value)}"
    is_told = 0 < len(text) <= MAX_TEXT_CHARACTERS and text.isprintable()
    return text if is_told and text != _NO_VERSION else None


def _try(parse: Callable[[str], Parsed], text: str) -> Parsed | None:
    try:
        return parse(text)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return None

"""Reads If-None-Match and Last-Event-ID, the headers that name the version a client has."""

from __future__ import annotations

MOST_DIGITS = 18
"""The maximum length of a number in a header. A number of 18 digits fits into 64 bits."""


def matches(if_none_match: str | None, *, tag: object) -> bool:
    """Tell whether an If-None-Match header names this tag (weak comparison, RFC 9110)."""
    tags = [given.strip().removeprefix("W/") for given in (if_none_match or "").split(",")]
    return "*" in tags or f'"{tag}"' in tags


def read_version(last_event_id: str | None) -> int:
    """Return the version in Last-Event-ID; -1 if the header is missing or is not a version.

    The length is checked first, because int() raises ValueError above 4,300 digits.
    """
    text = last_event_id or ""
    is_version = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return int(text) if is_version else -1

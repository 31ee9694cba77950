"""What a client has already: If-None-Match against an entity tag, Last-Event-ID."""

from __future__ import annotations

MOST_DIGITS = 18
"""A number of so many digits fits into 64 bits."""


def matches(if_none_match: str | None, *, tag: object) -> bool:
    """Tell whether an If-None-Match header names this tag (weak comparison, RFC 9110)."""
    tags = [given.strip().removeprefix("W/") for given in (if_none_match or "").split(",")]
    return "*" in tags or f'"{tag}"' in tags


def read_version(last_event_id: str | None) -> int:
    """Return the version that Last-Event-ID names; -1 for none, and for what no version can be.

    Python refuses to read a number of thousands of digits.
    """
    text = last_event_id or ""
    is_version = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return int(text) if is_version else -1

"""Reads the headers that say what a client has already: If-None-Match and Last-Event-ID."""

from __future__ import annotations

MOST_DIGITS = 18
"""The most digits of a number that is read from a header. Such a number fits into 64 bits."""


def matches(if_none_match: str | None, *, tag: object) -> bool:
    """Tell whether an If-None-Match header names this tag (weak comparison, RFC 9110)."""
    tags = [given.strip().removeprefix("W/") for given in (if_none_match or "").split(",")]
    return "*" in tags or f'"{tag}"' in tags


def read_version(last_event_id: str | None) -> int:
    """Return the version in Last-Event-ID; -1 if there is none, or if it cannot be a version.

    Numbers of thousands of digits are not read, because Python raises ValueError for them.
    """
    text = last_event_id or ""
    is_version = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return int(text) if is_version else -1

"""What a client has already: If-None-Match against an entity tag."""

from __future__ import annotations


def matches(if_none_match: str | None, *, tag: object) -> bool:
    """Tell whether an If-None-Match header names this tag (weak comparison, RFC 9110)."""
    tags = [given.strip().removeprefix("W/") for given in (if_none_match or "").split(",")]
    return "*" in tags or f'"{tag}"' in tags

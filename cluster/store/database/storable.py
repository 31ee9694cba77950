"""Converts Python values into values that PostgreSQL can hold."""

from __future__ import annotations

MAX_TEXT_CHARACTERS = 20_000
SIGN_BIT = 1 << 63


def storable_text(text: str | None) -> str | None:
    """Return `text` with NUL and lone surrogates escaped, cut to MAX_TEXT_CHARACTERS."""
    if text is None:
        return None
    cut = text[:MAX_TEXT_CHARACTERS].replace("\0", "\\0")
    return cut.encode("utf-8", "backslashreplace").decode("utf-8")


def to_signed(number: int) -> int:
    """Return the signed 64-bit number with the same bits as the unsigned `number`."""
    return number - (SIGN_BIT << 1) if number & SIGN_BIT else number


def to_unsigned(number: int) -> int:
    """Return the unsigned 64-bit number with the same bits as the signed `number`."""
    return number & ((SIGN_BIT << 1) - 1)

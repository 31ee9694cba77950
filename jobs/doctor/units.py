"""Formats sizes and numbers for users."""

from __future__ import annotations


def describe_bytes(count: float) -> str:
    """Return a size in decimal units, with two or three digits."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return (
                f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
            )
        count /= 1000
    return f"{count:.1f} TB"


def count_nouns(number: int, noun: str) -> str:
    """Return a number and its noun, which takes an s in the plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

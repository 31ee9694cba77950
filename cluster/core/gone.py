"""Known photos that are not where they were, in words: how many, and what a user can do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUESTION = "is the disk mounted?"


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Of `known` files of a library `gone` were not there: too many to believe it unasked."""

    known: int
    gone: int

    @classmethod
    def find(cls, census: Mapping[str, Any]) -> Unconfirmed | None:
        """Return what the census of a session says of it, None when it had no doubt."""
        known, gone = census.get("known"), census.get("gone")
        return None if known is None or gone is None else cls(known, gone)

    def __str__(self) -> str:
        """Ask for the disk."""
        return f"{self.gone:,} of {self.known:,} known photos are not there: {QUESTION}"


def describe_absent(photos: int) -> str:
    """Ask for the disk of a root below which nothing is."""
    are = "1 known photo is" if photos == 1 else f"{photos:,} known photos are"
    return f"{are} not there: {QUESTION}"


def describe_confirming(root: str) -> str:
    """Say how a user tells that the photos below `root` are gone indeed."""
    command = f"python -m jobs.library --confirm-missing {shlex.quote(root)}"
    return f"If they are gone for good, say so: `{command}`, or the button on the page."

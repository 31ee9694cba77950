"""Messages about known photos that are no longer there: their number, and what a user can do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUESTION = "is the disk mounted?"


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Of the `known` files of a library, `gone` were not found: enough that a user must confirm
    it.
    """

    known: int
    gone: int

    @classmethod
    def find(cls, census: Mapping[str, Any]) -> Unconfirmed | None:
        """Return the unconfirmed loss that a session's census records; None when there is none."""
        known, gone = census.get("known"), census.get("gone")
        return None if known is None or gone is None else cls(known, gone)

    def __str__(self) -> str:
        """Return both numbers, and the question whether the disk is mounted."""
        return f"{self.gone:,} of {self.known:,} known photos are not there: {QUESTION}"


def describe_absent(photos: int) -> str:
    """Return the message for a root that no longer contains a photo."""
    are = "1 known photo is" if photos == 1 else f"{photos:,} known photos are"
    return f"{are} not there: {QUESTION}"


def describe_confirming(root: str) -> str:
    """Return the instruction for confirming that the photos below `root` are gone."""
    command = f"python -m jobs.library --confirm-missing {shlex.quote(root)}"
    return f"If they are gone for good, say so: `{command}`, or the button on the page."

"""Groups reasons of failures that differ only in a path, an address, a name or a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cluster.core.sessions import PhaseName

MOST_REASONS = 20
LONGEST = 500
"""Only this many characters of a reason are compared; the rest says nothing about its kind."""

LEFT_OUT = "…"

_QUOTED = r"""(?<!\w)(?P<quote>['"])(?:(?!(?P=quote)).)+(?P=quote)(?!\w)"""
_URL = r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+?(?=[,;:)\]]*(?:\s|$))"
_PATH = r"(?<![\w.…/])(?:[A-Za-z]:)?(?:[\\/][^\s,;:'\"()\\/]+)+[\\/]?"
_OBJECT = r"<[^<>]* (?:object )?at 0x[0-9a-fA-F]+>"
_HEXADECIMAL = r"\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b"
_NUMBER = r"(?<![\w.])[+-]?\d(?:[\d,. ]*\d)?"

_VARYING = re.compile("|".join((_OBJECT, _QUOTED, _URL, _PATH, _HEXADECIMAL, _NUMBER)))


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """A reason, with "…" in place of variable parts, and the number of photos that it failed."""

    phase: PhaseName
    reason: str
    count: int


def fold_reason(reason: str) -> str:
    """Return a reason with "…" in place of paths, URLs, quoted names, addresses and numbers."""
    folded = _VARYING.sub(LEFT_OUT, " ".join(reason[:LONGEST].split()))
    return re.sub(r"…(?:\s*…)+", LEFT_OUT, folded)


def group_reasons(
    counted: Iterable[ReasonCount], *, most: int = MOST_REASONS
) -> tuple[ReasonCount, ...]:
    """Return the `most` frequent reasons, folded, by phase; the most frequent first."""
    counts: Counter[tuple[PhaseName, str]] = Counter()
    for one in counted:
        counts[one.phase, fold_reason(one.reason)] += one.count
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ReasonCount(phase, reason, count) for (phase, reason), count in order[:most])

"""Lists the decisions that wait for their photo or face, and forgets them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.core.identity.people import fold_name

_LIST = text(
    """
    SELECT kind, reason, decision #>> '{person,name}' AS name, path, source, kept_at
    FROM kept_decision WHERE placed_at IS NULL ORDER BY id LIMIT :limit
    """
)
_COUNT = text("SELECT count(*) FROM kept_decision WHERE placed_at IS NULL")
_FORGET = text("DELETE FROM kept_decision")
_FORGET_PERSON = text(
    """
    DELETE FROM kept_decision
    WHERE :key IN (decision #>> '{person,nameKey}', decision #>> '{first,person,nameKey}',
        decision #>> '{second,person,nameKey}')
    """
)


@dataclass(frozen=True, slots=True)
class KeptInfo:
    """A kept decision: the reason, the name, the path of its photo, and its import."""

    kind: DecisionKind
    reason: LeftReason
    name: str | None
    path: str | None
    source: str
    kept_at: datetime


def list_kept(db: Session, *, limit: int) -> list[KeptInfo]:
    """Return the decisions that wait, the oldest first."""
    return [
        KeptInfo(DecisionKind(row.kind), LeftReason(row.reason), *row[2:])
        for row in db.execute(_LIST, {"limit": limit})
    ]


def count_kept(db: Session) -> int:
    """Return the number of decisions that wait."""
    return int(db.execute(_COUNT).scalar_one())


def forget_kept(db: Session) -> int:
    """Delete all decisions that wait; return how many there were."""
    return int(cast(CursorResult[Any], db.execute(_FORGET)).rowcount)


def forget_kept_of(db: Session, name: str) -> None:
    """Delete the waiting decisions that name this person, in any pack."""
    db.execute(_FORGET_PERSON, {"key": fold_name(name)})

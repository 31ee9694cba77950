"""Finds sessions that break the law of progress (cluster/store/sessions/invariants.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.damage import Damage, DamageKind
from cluster.core.errors import InvariantBroken
from cluster.store.database.columns import ITEM_PREFIXES
from cluster.store.sessions.invariants import check_session

_SESSIONS = text("SELECT id FROM training_session ORDER BY id DESC")

_STATES = ", ".join(f"('{phase.value}', s.{start}_state)" for phase, start in ITEM_PREFIXES.items())

COUNTS_OF_ITEMS = f"""
    SELECT phase, count(*) AS total, count(*) FILTER (WHERE state = 'processed') AS processed,
        count(*) FILTER (WHERE state = 'skipped') AS skipped,
        count(*) FILTER (WHERE state = 'failed') AS failed
    FROM session_item s CROSS JOIN LATERAL (VALUES {_STATES}) AS p (phase, state)
    WHERE s.session_id = :session_id GROUP BY phase
    """
"""The correct counts of a session's phases; phases without items are missing."""

_HAS_OTHER_COUNTS = text(
    f"""
    SELECT EXISTS (
        SELECT FROM session_phase p LEFT JOIN ({COUNTS_OF_ITEMS}) i ON i.phase = p.phase
        WHERE p.session_id = :session_id AND p.phase = ANY(:phases)
            AND (p.total, p.processed, p.skipped, p.failed) IS DISTINCT FROM (
                coalesce(i.total, 0), coalesce(i.processed, 0), coalesce(i.skipped, 0),
                coalesce(i.failed, 0)
            )
    )
    """
)
PHOTO_PHASES = [phase.value for phase in ITEM_PREFIXES]


@dataclass(frozen=True, slots=True)
class CheckedSessions:
    """The damage of the examined sessions, and how many were examined and how many not."""

    damage: tuple[Damage, ...]
    examined: int
    left: int


def find_session_damage(db: Session, *, is_time_over: Callable[[], bool]) -> CheckedSessions:
    """Check sessions, the newest first, until `is_time_over` returns true; at least one."""
    ids = list(db.execute(_SESSIONS).scalars())
    damage: list[Damage] = []
    examined = 0
    for session_id in ids:
        if examined and is_time_over():
            break
        examined += 1
        try:
            check_session(db, session_id)
        except InvariantBroken as error:
            damage.append(_describe(db, session_id, error))
    return CheckedSessions(tuple(damage), examined, len(ids) - examined)


def _describe(db: Session, session_id: int, error: InvariantBroken) -> Damage:
    key = {"session_id": session_id, "phases": PHOTO_PHASES}
    if db.execute(_HAS_OTHER_COUNTS, key).scalar_one():
        return Damage(DamageKind.COUNTS, 1, (f"session {session_id}",), (session_id,))
    return Damage(DamageKind.LAW, 1, (f"session {session_id}: {error}",))

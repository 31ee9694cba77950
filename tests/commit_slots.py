"""Keeps sessions at work: a test holds the commit slots, so that workers cannot commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from cluster.store.locks import COMMIT_SLOTS
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.sessions.attempts import COMMIT_SLOT_COUNT
from tests.waiting import wait_until

FIRST = COMMIT_SLOTS << 32
_WAITING = """
    SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND NOT granted
"""
_HAS_TABLES = "SELECT to_regclass('session_phase') IS NOT NULL"
_IS_RUNNING = """
    SELECT EXISTS (
        SELECT FROM session_phase WHERE session_id = %s AND phase = %s AND status = 'running'
    )
"""
_COMMITTED = """
    SELECT processed + skipped + failed FROM session_phase WHERE session_id = %s AND phase = %s
"""


class CommitSlots:
    """Every commit slot (store/sessions/attempts.py), taken from the workers of a library.

    While a test holds them, no batch is committed, so that no phase of photos ends on a machine of
    any speed. Workers go on with their batches, and photos in flight are shown.
    """

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        for slot in range(COMMIT_SLOT_COUNT):
            self._take(slot)

    def let_through(self, session_id: int, *, until: str) -> None:
        """Let batches be committed until phase `until` is running, but none of that phase."""
        wait_until(lambda: self._step(session_id, until), f"{until} is running")

    def let_some_through(self) -> None:
        """Wait until a worker waits for a slot, and let all waiting workers commit."""
        wait_until(lambda: self._ask(_WAITING, COMMIT_SLOTS), "a worker waits for a slot")
        self._let_in()

    def count_committed(self, session_id: int, phase: str) -> object:
        """Return how many photos of a phase are committed."""
        return self._ask(_COMMITTED, session_id, phase)

    def free_all(self) -> None:
        """Let all workers commit. May be called more than once, and when the database is gone."""
        self._connection.close()

    def _step(self, session_id: int, until: str) -> bool:
        # This order matters: a worker that waits in an earlier phase has no batch of a later one.
        is_somebody_waiting = self._ask(_WAITING, COMMIT_SLOTS)
        if self._ask(_HAS_TABLES) and self._ask(_IS_RUNNING, session_id, until):
            return True
        if is_somebody_waiting:
            self._let_in()
        return False

    def _let_in(self) -> None:
        for slot in range(COMMIT_SLOT_COUNT):
            # Workers that wait already get the slot before us; later ones get it after us.
            self._connection.execute("SELECT pg_advisory_unlock(%s)", [FIRST + slot])
            self._take(slot)

    def _take(self, slot: int) -> None:
        self._connection.execute("SELECT pg_advisory_lock(%s)", [FIRST + slot])

    def _ask(self, query: str, *values: object) -> object:
        row = self._connection.execute(query.encode(), values).fetchone()
        assert row is not None
        return row[0]


@contextmanager
def slots_taken(data_dir: Path) -> Iterator[CommitSlots]:
    """Start the database of a library and take all slots; leaving the block gives them back."""
    slots = CommitSlots(start_embedded(data_dir))
    try:
        yield slots
    finally:
        slots.free_all()
        stop_embedded(data_dir)

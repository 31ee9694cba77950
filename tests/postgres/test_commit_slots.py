"""Hundreds of workers may commit, a limited number at the same time, and all get their turn."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin, build_engine
from cluster.store.locks import COMMIT_SLOTS
from cluster.store.sessions.attempts import COMMIT_SLOT_COUNT, hold_current_attempt
from tests.library import start_session
from tests.waiting import PATIENT_S, wait_until

WORKERS = 3 * COMMIT_SLOT_COUNT
_TURNS_NOW = text(
    "SELECT count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted)"
    " FROM pg_locks WHERE locktype = 'advisory' AND classid = :class"
)


@pytest.fixture
def many(database_url: str) -> Engine:
    return build_engine(database_url, pool_size=WORKERS)


def count_slots(engine: Engine) -> tuple[int, int]:
    """Return how many workers hold a slot (at most the number of slots), and how many wait."""
    with begin(engine) as db:
        taken, waiting = db.execute(_TURNS_NOW, {"class": COMMIT_SLOTS}).one()
    assert taken <= COMMIT_SLOT_COUNT
    return taken, waiting


def test_workers_commit_in_slots(engine: Engine, many: Engine) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
    go_on = threading.Event()

    def settle() -> bool:
        with begin(many) as db:
            is_current = hold_current_attempt(db, session_id, PhaseName.TRAINING, 1, in_slot=True)
            return go_on.wait(PATIENT_S) and is_current

    with ThreadPoolExecutor(WORKERS) as threads:
        settled = [threads.submit(settle) for _ in range(WORKERS)]
        wait_until(lambda: sum(count_slots(engine)) == WORKERS, "all hold a slot or wait")
        assert count_slots(engine)[1] >= WORKERS - COMMIT_SLOT_COUNT
        go_on.set()
        assert all(future.result() for future in settled)
    many.dispose()

"""Which session a driver claims, and which ones it leaves alone."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from cluster.core.errors import IllegalMove
from cluster.core.sessions import Move, SessionStatus
from cluster.pipeline.run import claim_session
from cluster.store.database.engine import begin
from cluster.store.sessions.session_rows import create_session, move_session
from tests.library import NOW, found, run_session

MOVES = {
    SessionStatus.PENDING: [],
    SessionStatus.RUNNING: [Move.START],
    SessionStatus.PAUSED: [Move.START, Move.PAUSE],
    SessionStatus.FAILED: [Move.START, Move.FAIL],
    SessionStatus.CANCELLED: [Move.CANCEL],
}


def bring_to(engine: Engine, status: SessionStatus) -> int:
    with begin(engine) as db:
        session = create_session(db, root="/p", name=None, pack="bundled", options={}, now=NOW)
        for move in MOVES[status]:
            move_session(db, session.id, move, now=NOW)
    return session.id


@pytest.mark.parametrize("status", MOVES)
def test_a_person_who_asks_for_a_session_gets_it_run(engine: Engine, status: SessionStatus) -> None:
    waits = status in (SessionStatus.PENDING, SessionStatus.RUNNING)
    claimed = claim_session(engine, bring_to(engine, status))
    assert claimed is (status if waits else SessionStatus.RUNNING)


@pytest.mark.parametrize("status", MOVES)
def test_a_job_leaves_a_session_alone_that_was_stopped_since(
    engine: Engine, status: SessionStatus
) -> None:
    assert claim_session(engine, bring_to(engine, status), if_waiting=True) is status


def test_a_complete_session_is_not_run_again_unasked(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = run_session(db, {"a": found("a")})
    with pytest.raises(IllegalMove, match="completed cannot resume"):
        claim_session(engine, session_id)

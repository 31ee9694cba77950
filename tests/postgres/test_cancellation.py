"""A batch ends early when its session is stopped."""

from __future__ import annotations

from sqlalchemy import Engine, text

from cluster.core.sessions import Move
from cluster.store.database.engine import begin, build_engine
from cluster.store.sessions.cancellation import CancellationToken
from cluster.store.sessions.session_rows import move_session
from tests.library import NOW, start_session


def move(engine: Engine, session_id: int, *moves: Move) -> None:
    with begin(engine) as db:
        for one in moves:
            move_session(db, session_id, one, now=NOW)


def test_a_worker_sees_a_pause_within_half_a_second_and_asks_no_more_often(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
    now = [100.0]
    token = CancellationToken(engine, session_id, clock=lambda: now[0])
    assert not token.poll()
    move(engine, session_id, Move.PAUSE)
    assert not token.poll()
    now[0] += 0.5
    assert token.poll()
    move(engine, session_id, Move.RESUME)
    now[0] += 0.5
    assert not token.poll()


def test_a_session_that_was_restarted_or_erased_is_stopped_too(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
    move(engine, session_id, Move.CANCEL, Move.RESTART)
    assert CancellationToken(engine, session_id).poll()
    with begin(engine) as db:
        db.execute(text("DELETE FROM training_session"))
    assert CancellationToken(engine, session_id).poll()


def test_a_database_that_is_away_stops_nobody() -> None:
    gone = build_engine("postgresql://localhost:1/nothing")
    assert not CancellationToken(gone, 1).poll()

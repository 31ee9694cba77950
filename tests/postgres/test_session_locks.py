"""One driver at a time locks a session, and the lock is free when the driver ends or dies."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, text

from cluster.core.drivers import DRIVER_LOST
from cluster.core.errors import NotFound, SessionBusy
from cluster.core.sessions import Move, PhaseStatus, SessionStatus
from cluster.store.database.engine import begin
from cluster.store.sessions.lost_drivers import fail_lost_session, fail_session, list_unattended
from cluster.store.sessions.phase_rows import get_snapshots
from cluster.store.sessions.session_locks import (
    SessionLock,
    is_session_locked,
    keep_drivers_out,
    lock_session,
)
from cluster.store.sessions.session_rows import create_session, get_session, move_session
from tests.library import NOW, start_session
from tests.waiting import PATIENT_S, wait_until


def start(engine: Engine) -> int:
    with begin(engine) as db:
        return start_session(db)


def is_held(engine: Engine, session_id: int) -> bool:
    with begin(engine) as db:
        return is_session_locked(db, session_id)


def test_one_driver_at_a_time_runs_a_session(engine: Engine) -> None:
    first, second = start(engine), start(engine)
    with lock_session(engine, first):
        with pytest.raises(SessionBusy), lock_session(engine, first):
            pass
        with lock_session(engine, second):
            pass
        assert is_held(engine, first)
        assert not is_held(engine, second)
    with lock_session(engine, first):
        pass
    assert not is_held(engine, first)


def test_a_session_that_is_given_free_early_can_be_taken_at_once(engine: Engine) -> None:
    session_id = start(engine)
    with lock_session(engine, session_id) as lock:
        lock.release()
        with lock_session(engine, session_id):
            lock.release()
            assert is_held(engine, session_id)


def test_a_driver_that_was_told_to_stop_is_waited_for(engine: Engine) -> None:
    session_id = start(engine)
    settling = SessionLock(engine, session_id)
    assert settling.take()
    with begin(engine) as db:
        move_session(db, session_id, Move.CANCEL, now=NOW)
    threading.Timer(0.5, settling.release).start()
    with lock_session(engine, session_id, wait_s=PATIENT_S):
        assert is_held(engine, session_id)


def test_waiting_for_a_driver_that_does_not_stop_has_a_timeout(engine: Engine) -> None:
    session_id = start(engine)
    with begin(engine) as db:
        move_session(db, session_id, Move.PAUSE, now=NOW)
    with (
        lock_session(engine, session_id),
        pytest.raises(SessionBusy),
        lock_session(engine, session_id, wait_s=0.3),
    ):
        pass


def cut_connections(engine: Engine) -> None:
    """End every connection to the test's database but this one."""
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def has_lost(lock: SessionLock) -> bool:
    try:
        lock.check()
    except SessionBusy:
        return True
    return False


def test_a_driver_that_lost_only_its_connection_takes_the_session_again(engine: Engine) -> None:
    session_id = start(engine)
    with lock_session(engine, session_id) as lock:
        cut_connections(engine)
        wait_until(lambda: is_held(engine, session_id), "the driver has locked the session again")
        lock.check()


def test_a_driver_that_was_replaced_meanwhile_learns_of_it(engine: Engine) -> None:
    session_id = start(engine)
    with lock_session(engine, session_id) as lock:
        other = SessionLock(engine, session_id)
        with lock._mutex:  # Otherwise the driver might be the first to take the lock again.
            cut_connections(engine)
            wait_until(other.take, "another driver takes the session")
        wait_until(lambda: has_lost(lock), "the driver knows that it has lost the session")
        other.release()


def test_what_does_not_exist_cannot_be_run_by_two(engine: Engine) -> None:
    with lock_session(engine, 4711), pytest.raises(NotFound), lock_session(engine, 4711):
        pass


def test_sessions_that_wait_for_a_driver_are_found(engine: Engine) -> None:
    with begin(engine) as db:
        new = create_session(db, root="/p", name=None, pack="bundled", options={}, now=NOW).id
        running, held, paused = (start_session(db) for _ in range(3))
        move_session(db, paused, Move.PAUSE, now=NOW)
    with lock_session(engine, held), begin(engine) as db:
        assert [one.session_id for one in list_unattended(db)] == [new, running]


def test_a_session_whose_driver_is_lost_has_failed_and_can_be_resumed(engine: Engine) -> None:
    session_id = start(engine)
    with begin(engine) as db:
        assert fail_lost_session(db, session_id, now=NOW)
    with begin(engine) as db:
        session = get_session(db, session_id)
        assert (session.status, session.error) == (SessionStatus.FAILED, DRIVER_LOST)
        phase = get_snapshots(db, session_id)[0]
        assert (phase.status, phase.error) == (PhaseStatus.FAILED, DRIVER_LOST)
        assert move_session(db, session_id, Move.RESUME, now=NOW) is SessionStatus.RUNNING


def test_a_session_with_a_living_driver_is_never_called_lost(engine: Engine) -> None:
    session_id = start(engine)
    with lock_session(engine, session_id), begin(engine) as db:
        assert not fail_lost_session(db, session_id, now=NOW)
        assert get_session(db, session_id).status is SessionStatus.RUNNING


def test_a_session_that_was_paused_meanwhile_is_not_failed(engine: Engine) -> None:
    session_id = start(engine)
    with begin(engine) as db:
        move_session(db, session_id, Move.PAUSE, now=NOW)
        assert not fail_lost_session(db, session_id, now=NOW)


def test_a_session_that_has_ended_is_not_failed(engine: Engine) -> None:
    session_id = start(engine)
    with begin(engine) as db:
        move_session(db, session_id, Move.CANCEL, now=NOW)
        assert not fail_session(db, session_id, "too late", now=NOW)
        assert get_session(db, session_id).status is SessionStatus.CANCELLED


def test_no_driver_takes_a_session_while_it_is_kept_out(engine: Engine) -> None:
    session_id = start(engine)
    with begin(engine) as db:
        keep_drivers_out(db, session_id)
        assert not SessionLock(engine, session_id).take()
    assert SessionLock(engine, session_id).take()

"""What users do to a session: the move in the database, and the Ray job that it needs.

A session whose driver lives needs no job: a driver that was told to stop goes on when the session
is resumed before it has ended. Whether it has is decided by the row's lock (cluster/pipeline.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cluster.core.errors import HeadcountError
from cluster.core.sessions import Move, PhaseName, SessionStatus
from cluster.store.drivers import fail_session
from cluster.store.engine import Db, begin
from cluster.store.holds import is_session_held
from cluster.store.resets import restart_session, retry_session
from cluster.store.sessions import SessionInfo, get_session, move_session, set_job
from serve.parts import AppParts

Change = Callable[[Db], SessionStatus]


def stop_session(parts: AppParts, session_id: int, move: Move) -> SessionInfo:
    """Pause or cancel a session: its driver, if there is one, hands out no more work."""
    with begin(parts.engine) as db:
        move_session(db, session_id, move, now=parts.now())
        return get_session(db, session_id)


def resume_session(parts: AppParts, session_id: int) -> SessionInfo:
    """Let a session go on where it was."""
    change = partial(move_session, session_id=session_id, move=Move.RESUME, now=parts.now())
    return _change_and_submit(parts, session_id, change)


def restart_phase(
    parts: AppParts, session_id: int, phase: PhaseName, *, failed_only: bool
) -> SessionInfo:
    """Do a phase again, and what depends on it."""
    change = partial(
        restart_session,
        session_id=session_id,
        phase=phase,
        failed_only=failed_only,
        now=parts.now(),
    )
    return _change_and_submit(parts, session_id, change)


def retry_failed(parts: AppParts, session_id: int, phase: PhaseName | None) -> SessionInfo:
    """Try the photos again that failed."""
    change = partial(retry_session, session_id=session_id, phase=phase, now=parts.now())
    return _change_and_submit(parts, session_id, change)


def _change_and_submit(parts: AppParts, session_id: int, change: Change) -> SessionInfo:
    with begin(parts.engine) as db:
        status = change(db)
        goes_on = status is SessionStatus.RUNNING and is_session_held(db, session_id)
        session = get_session(db, session_id)
    return session if goes_on else submit_session(parts, session)


def submit_session(parts: AppParts, session: SessionInfo) -> SessionInfo:
    """Submit a session as a Ray job; one that is not taken has failed, and says why."""
    try:
        job_id = parts.submit(session)
    except HeadcountError as error:
        with begin(parts.engine) as db:
            fail_session(db, session.id, str(error), now=parts.now())
        raise
    with begin(parts.engine) as db:
        set_job(db, session.id, job_id)
        return get_session(db, session.id)

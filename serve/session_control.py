"""Controls sessions for users: makes the move in the database, and submits the Ray job it needs.

If the session lock is held, the driver is alive and no job is needed: a driver that was told to
stop continues if the session is resumed before the driver ends (cluster/pipeline/run.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cluster.core.errors import HeadcountError
from cluster.core.sessions import Move, PhaseName, SessionStatus
from cluster.store.database.engine import Db, Engine, begin
from cluster.store.items.new_attempts import restart_session, retry_session
from cluster.store.sessions.lost_drivers import fail_session
from cluster.store.sessions.session_locks import is_session_locked
from cluster.store.sessions.session_rows import SessionInfo, get_session, move_session, set_job

Change = Callable[[Db], SessionStatus]


@dataclass(frozen=True, slots=True)
class SessionControl:
    """Makes the moves that users ask for.

    Each move raises NotFound or IllegalMove, and then changes nothing. `submit` submits a session
    to the cluster as a Ray job and returns the job's id, or raises JobNotSubmitted.
    """

    engine: Engine
    submit: Callable[[SessionInfo], str]
    now: Callable[[], datetime]

    def stop(self, session_id: int, move: Move) -> SessionInfo:
        """Pause or cancel a session; its driver, if there is one, dispatches no more work."""
        with begin(self.engine) as db:
            move_session(db, session_id, move, now=self.now())
            return get_session(db, session_id)

    def resume(self, session_id: int) -> SessionInfo:
        """Resume a session; a new job continues it unless its driver is still alive."""
        return self._change_and_submit(
            session_id,
            partial(move_session, session_id=session_id, move=Move.RESUME, now=self.now()),
        )

    def restart(
        self, session_id: int, phase: PhaseName, *, failed_only: bool = False
    ) -> SessionInfo:
        """Begin a new attempt of a phase and of the phases that depend on it."""
        change = partial(
            restart_session,
            session_id=session_id,
            phase=phase,
            failed_only=failed_only,
            now=self.now(),
        )
        return self._change_and_submit(session_id, change)

    def retry(self, session_id: int, phase: PhaseName | None = None) -> SessionInfo:
        """Make the failed photos of `phase`, or of both photo phases, pending again."""
        change = partial(retry_session, session_id=session_id, phase=phase, now=self.now())
        return self._change_and_submit(session_id, change)

    def _change_and_submit(self, session_id: int, change: Change) -> SessionInfo:
        with begin(self.engine) as db:
            status = change(db)
            has_driver = status is SessionStatus.RUNNING and is_session_locked(db, session_id)
            session = get_session(db, session_id)
        return session if has_driver else self.submit_job(session)

    def submit_job(self, session: SessionInfo) -> SessionInfo:
        """Submit a session as a Ray job. If that raises an error, the session is failed."""
        try:
            job_id = self.submit(session)
        except HeadcountError as error:
            with begin(self.engine) as db:
                fail_session(db, session.id, str(error), now=self.now())
            raise
        with begin(self.engine) as db:
            set_job(db, session.id, job_id)
            return get_session(db, session.id)

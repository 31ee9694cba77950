"""The session lock, which is held by the process that runs a session.

The lock belongs to a separate database connection, so the database releases it when the process
dies. A process that only lost the connection, because the database restarted, takes the lock again.
If another process was faster, `check` raises SessionBusy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cluster.core.errors import SessionBusy
from cluster.core.sessions import SessionStatus
from cluster.store.database.engine import begin, tell_outages
from cluster.store.locks import SESSION, key_of
from cluster.store.sessions.session_rows import get_session

CHECK_INTERVAL_S = 2.0
POLL_S = 0.2
WAIT_S = 60.0
"""How long a driver waits for a stopped driver that still commits the photos in flight."""

GLANCE_S = 0.5
"""How long it waits if the session is running, because a check for lost drivers holds the lock only
briefly."""

_TAKE = text("SELECT pg_try_advisory_lock(:key)")
_TAKE_BRIEFLY = text("SELECT pg_try_advisory_xact_lock(:key)")

_LIST_HELD = text(
    """
    SELECT objid::bigint AS session_id FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = :class AND objsubid = 1 ORDER BY objid
    """
)


class SessionLock:
    """The right to run a session, kept until it is released or this process dies."""

    def __init__(self, engine: Engine, session_id: int) -> None:
        self._engine, self._session_id = engine, session_id
        self._key = {"key": key_of(SESSION, session_id)}
        self._connection: Connection | None = None
        self._mutex = threading.Lock()
        self._released = threading.Event()
        self._is_lost = False

    def take(self) -> bool:
        """Take the lock if it is free; return whether it was."""
        connection = self._engine.connect()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if connection.execute(_TAKE, self._key).scalar_one():
            self._connection = connection
            return True
        connection.close()
        return False

    def check(self) -> None:
        """Raise SessionBusy when another process has taken the lock."""
        if self._is_lost:
            raise SessionBusy(self._session_id)

    def release(self) -> None:
        """Release the lock. A second call does nothing."""
        self._released.set()
        with self._mutex:
            if self._connection is not None:
                # Closed instead of returned to the pool, because closing always frees the lock.
                self._connection.invalidate()
                self._connection.close()
                self._connection = None

    def keep(self) -> None:
        """Take the lock again whenever the connection is lost; return after `release`."""
        while not self._released.wait(CHECK_INTERVAL_S):
            with self._mutex:
                if not self._released.is_set() and not self._is_lost:
                    self._renew()

    def _renew(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return
        except SQLAlchemyError:
            self._drop_connection()
        try:
            self._is_lost = not self.take()
        except SQLAlchemyError:
            return  # The database is not back yet; the next round tries again.

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


@contextmanager
def lock_session(
    engine: Engine, session_id: int, *, wait_s: float = WAIT_S
) -> Iterator[SessionLock]:
    """Hold the session lock within the block, so that no other process runs the session.

    A driver that was stopped gets `wait_s` seconds to end. Raises SessionBusy when another process
    runs the session, NotFound when there is no such session, or DatabaseUnavailable.
    """
    lock = SessionLock(engine, session_id)
    _take_when_free(lock, engine, session_id, wait_s=wait_s)
    threading.Thread(target=lock.keep, name=f"lock[session={session_id}]", daemon=True).start()
    try:
        yield lock
    finally:
        lock.release()


def _take_when_free(lock: SessionLock, engine: Engine, session_id: int, *, wait_s: float) -> None:
    began = time.monotonic()
    while not _take(lock, engine):
        with begin(engine) as db:
            is_running = get_session(db, session_id).status is SessionStatus.RUNNING
        if time.monotonic() - began > (min(GLANCE_S, wait_s) if is_running else wait_s):
            raise SessionBusy(session_id)
        time.sleep(POLL_S)


def _take(lock: SessionLock, engine: Engine) -> bool:
    with tell_outages(engine):
        return lock.take()


def is_session_locked(db: Session, session_id: int) -> bool:
    """Tell whether any process holds the session lock."""
    return session_id in list_locked_sessions(db)


def list_locked_sessions(db: Session) -> list[int]:
    """Return the ids of the sessions whose lock is held."""
    return list(db.execute(_LIST_HELD, {"class": SESSION}).scalars())


def keep_drivers_out(db: Session, session_id: int) -> None:
    """Prevent drivers from taking the session lock until the transaction ends.

    Raises SessionBusy if a process holds it.
    """
    if not db.execute(_TAKE_BRIEFLY, {"key": key_of(SESSION, session_id)}).scalar_one():
        raise SessionBusy(session_id)

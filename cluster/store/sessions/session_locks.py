"""Who runs a session: the one process that holds its lock.

The lock is that of a database connection of its own, so the database gives it back when its holder
dies. A holder that only lost the connection, because the database was started anew, takes the lock
again; if somebody else was faster, it knows that the session is no longer its own.
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
"""So long a driver waits for another one that was told to stop and settles what is in flight."""

GLANCE_S = 0.5
"""The same when the other one runs: whoever only looks after lost drivers is gone by then."""

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
        """Take the lock; tell whether it was free."""
        connection = self._engine.connect()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if connection.execute(_TAKE, self._key).scalar_one():
            self._connection = connection
            return True
        connection.close()
        return False

    def check(self) -> None:
        """Raise SessionBusy when another process runs the session by now."""
        if self._is_lost:
            raise SessionBusy(self._session_id)

    def release(self) -> None:
        """Give the session free. May be called again."""
        self._released.set()
        with self._mutex:
            if self._connection is not None:
                # Closed, not given back to the pool: closing is what surely frees the lock.
                self._connection.invalidate()
                self._connection.close()
                self._connection = None

    def keep(self) -> None:
        """Take the lock again whenever its connection is lost, until it is released."""
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
            return  # The database is not back yet; the next round asks again.

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


@contextmanager
def lock_session(
    engine: Engine, session_id: int, *, wait_s: float = WAIT_S
) -> Iterator[SessionLock]:
    """Be the only one who runs the session; raise SessionBusy when somebody else does.

    A holder that was told to stop is waited for. Raises NotFound when there is no such session, and
    DatabaseUnavailable when the database is away.
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
    """Tell whether a living process runs the session."""
    return session_id in list_locked_sessions(db)


def list_locked_sessions(db: Session) -> list[int]:
    """Return the sessions that living processes run."""
    return list(db.execute(_LIST_HELD, {"class": SESSION}).scalars())


def keep_drivers_out(db: Session, session_id: int) -> None:
    """Let no driver take the session until the transaction ends; SessionBusy when one has it."""
    if not db.execute(_TAKE_BRIEFLY, {"key": key_of(SESSION, session_id)}).scalar_one():
        raise SessionBusy(session_id)

"""Reads the state of a database for the doctor, without changing anything."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from cluster.core.errors import DatabaseUnusable
from cluster.store.database.engine import Db, begin, build_engine
from cluster.store.database.outages import describe_url
from cluster.store.database.schema import migration_config
from cluster.store.server.server_files import ServerFiles, is_lock_held
from cluster.store.sessions.lost_drivers import list_unattended
from cluster.store.sessions.notification_rows import (
    NotificationInfo,
    list_failed_notifications,
)
from cluster.store.sessions.session_rows import SessionInfo, list_sessions

_SERVER = text(
    """
    SELECT current_setting('server_version') AS version,
        current_setting('max_connections')::int AS most_clients,
        pg_database_size(current_database()) AS size_bytes,
        (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector,
        to_regclass('alembic_version') IS NOT NULL AS has_revision,
        to_regclass('training_session') IS NOT NULL AS has_tables
    """
)

_CLIENTS = text(
    """
    SELECT coalesce(nullif(application_name, ''), 'unnamed') AS name, count(*) AS clients
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'
    GROUP BY 1 ORDER BY 1
    """
)

_ROWS = text(
    """
    SELECT (SELECT count(*) FROM image WHERE missing_since IS NULL) AS photos,
        (SELECT count(*) FROM face) AS faces, (SELECT count(*) FROM person) AS people
    """
)


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of a database that answers. `revision` is None when it has no tables.

    `clients` counts other connections by their application name; `rows` counts photos, faces and
    people. `last_sessions` are ordered newest first; `unattended` are the ids of pending and
    running sessions that no process runs. `names` of people and sessions are read so that the
    doctor can remove them from its output. `unsent` are the newest messages about the end of a
    session whose last try failed. `rows` and all fields after it are empty if the tables have
    another revision.
    """

    version: str
    most_clients: int
    size_bytes: int
    pgvector: str | None
    revision: str | None
    newest_revision: str
    clients: Mapping[str, int]
    rows: Mapping[str, int]
    last_sessions: tuple[SessionInfo, ...] = ()
    unattended: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    unsent: tuple[NotificationInfo, ...] = ()

    @property
    def is_current(self) -> bool:
        """True if the tables have this version's revision."""
        return self.revision == self.newest_revision


def read_condition(engine: Engine, *, sessions: int) -> Condition:
    """Return the state of a database, with its last `sessions` sessions.

    Raises DatabaseUnavailable, or DatabaseUnusable when the database refuses a query.
    """
    try:
        with begin(engine) as db:
            return _read(db, sessions=sessions)
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        place = describe_url(engine.url)
        raise DatabaseUnusable(f"The database at {place} cannot be read: {reason}.") from error


def _read(db: Db, *, sessions: int) -> Condition:
    server = db.execute(_SERVER).one()
    revision = _find_revision(db) if server.has_revision else None
    newest = ScriptDirectory.from_config(migration_config()).get_current_head() or ""
    is_current = revision == newest and server.has_tables
    last = tuple(list_sessions(db, limit=sessions)) if is_current else ()
    return Condition(
        version=server.version,
        most_clients=server.most_clients,
        size_bytes=server.size_bytes,
        pgvector=server.pgvector,
        revision=revision,
        newest_revision=newest,
        clients={row.name: row.clients for row in db.execute(_CLIENTS)},
        rows=dict(db.execute(_ROWS).mappings().one()) if is_current else {},
        last_sessions=last,
        unattended=tuple(one.session_id for one in list_unattended(db)) if is_current else (),
        names=tuple(_list_names(db)) if is_current else (),
        unsent=tuple(list_failed_notifications(db, limit=sessions)) if is_current else (),
    )


def _find_revision(db: Db) -> str | None:
    return db.execute(text("SELECT version_num FROM alembic_version LIMIT 1")).scalar()


def _list_names(db: Db) -> list[str]:
    """Return the names of people and sessions, which must not appear in the doctor's output."""
    people = db.execute(text("SELECT name FROM person WHERE name IS NOT NULL"))
    named = db.execute(text("SELECT name FROM training_session WHERE name IS NOT NULL"))
    return [*people.scalars(), *named.scalars()]


def describe_server(database_url: str) -> str:
    """Return host, port and database of a URL; raise DatabaseUnavailable when it is not valid."""
    engine = build_engine(database_url)
    try:
        return describe_url(engine.url)
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class EmbeddedState:
    """The state of the embedded server; `is_made` tells whether it has a data directory."""

    is_made: bool
    is_running: bool
    is_watched: bool


def look_at_embedded(data_dir: Path) -> EmbeddedState:
    """Return the state of the server of `data_dir`, without starting it.

    Raises OSError if this user may not read its folder.
    """
    files = ServerFiles.under(data_dir)
    if files.home.exists() and not os.access(files.home, os.R_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(files.home))
    return EmbeddedState(
        is_made=(files.data / "PG_VERSION").exists(),
        is_running=is_lock_held(files.server_lock),
        is_watched=is_lock_held(files.watch_lock),
    )

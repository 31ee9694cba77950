"""Scratch databases beside a library's database, and the switch from one to the other.

A scratch database is recognised by the prefix of its name. The next backup or restore drops those
that a killed process left behind; those in use have connections, and stay.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine

from cluster.core.errors import BackupBusy, BackupFailed, SessionBusy
from cluster.store.database.copying import connection_of
from cluster.store.database.engine import build_engine, tell_outages
from cluster.store.locks import BACKUP, SESSION, key_of

MAINTENANCE = "postgres"
"""The database to connect to while others are created, dropped and renamed."""

WAIT_S = 600.0
"""How long to wait for another process that makes or restores a backup."""

POLL_S = 0.5
SWITCH_TRIES = 20
"""Clients reconnect at once when their connection is ended, so each try ends them again."""

_LIST = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
_END_CLIENTS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = %s AND backend_type = 'client backend' AND pg_has_role(usesysid, 'USAGE')
"""
_RUNNING = """
    SELECT l.objid::bigint FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objsubid = 1
        AND d.datname = %s
    ORDER BY 1
"""
_LOCALE = """
    SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider,
        coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
    FROM pg_database d WHERE datname = %s
"""
_PROVIDERS = {"i": "LOCALE_PROVIDER icu ICU_LOCALE", "b": "LOCALE_PROVIDER builtin BUILTIN_LOCALE"}


@dataclass(frozen=True)
class Server:
    """The server of a library, on a connection outside of its database `name`."""

    connection: psycopg.Connection
    url: URL

    @property
    def name(self) -> str:
        """The name of the library's database, from the URL."""
        return self.url.database or ""

    @property
    def prefix(self) -> str:
        """The prefix of the names of this database's scratch databases."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:8]
        return f"{self.name[:24]}_scratch_{digest}_"

    def engine_of(self, database: str) -> Engine:
        """Return an engine on another database of this server."""
        return build_engine(self.url.set(database=database).render_as_string(hide_password=False))


@contextmanager
def hold_server(engine: Engine, *, wait_s: float = WAIT_S) -> Iterator[Server]:
    """Hold the BACKUP lock of the engine's database, and drop leftover scratch databases.

    Raises BackupBusy if another process holds the lock for `wait_s` seconds, or
    DatabaseUnavailable.
    """
    url = engine.url.set(database=MAINTENANCE).render_as_string(hide_password=False)
    outside = build_engine(url, pool_size=1)
    try:
        with tell_outages(outside), outside.connect() as opened:
            opened.execution_options(isolation_level="AUTOCOMMIT")
            server = Server(connection_of(opened), engine.url)
            _lock(server, wait_s=wait_s)
            drop_leftovers(server)
            yield server
    finally:
        outside.dispose()


def is_backup_at_work(engine: Engine) -> bool:
    """Tell whether a process is making or restoring a backup of the engine's database."""
    key = _key(engine.url.database or "")
    query = """
        SELECT EXISTS (
            SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
                AND classid::bigint = %s AND objid::bigint = %s
        )
    """
    with tell_outages(engine), engine.connect() as opened:
        found = connection_of(opened).execute(query.encode(), [key >> 32, key & 0xFFFFFFFF])
        row = found.fetchone()
        return bool(row and row[0])


def _key(database: str) -> int:
    digest = hashlib.sha256(database.encode()).digest()
    return key_of(BACKUP, int.from_bytes(digest[:4], "big"))


def _lock(server: Server, *, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    query, key = b"SELECT pg_try_advisory_lock(%s::bigint)", _key(server.name)
    while True:
        row = server.connection.execute(query, [key]).fetchone()
        if row and row[0]:
            return
        if time.monotonic() >= deadline:
            raise BackupBusy("Another process makes a backup, or restores one. Try again later.")
        time.sleep(POLL_S)


def drop_leftovers(server: Server) -> None:
    """Drop the scratch databases that are not in use."""
    for (name,) in server.connection.execute(_LIST.encode(), [server.prefix]).fetchall():
        try:
            server.connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        except (psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName):
            continue  # It is in use, or was dropped just now.


@contextmanager
def scratch_database(server: Server) -> Iterator[Engine]:
    """Yield an engine on a new and empty database, which is dropped at the end of the block.

    Raises BackupFailed if the database user may not create databases, or the extension vector in
    them.
    """
    name = f"{server.prefix}{secrets.token_hex(4)}"
    _create(server, name, template="template0")
    engine = server.engine_of(name)
    try:
        if not _enable_vectors(engine):
            _drop(server, engine)
            _create(server, name, template="template1")
            if not _enable_vectors(engine):
                raise BackupFailed(
                    f"The user {server.url.username} of the database may not create the extension "
                    "vector in a new database, which a backup is proved in. Let an administrator "
                    "of the server run CREATE EXTENSION vector in its database template1."
                )
        yield engine
    finally:
        _drop(server, engine)


def _create(server: Server, name: str, *, template: str) -> None:
    try:
        server.connection.execute(_creation(server, name, template=template))
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupFailed(
            f"The user {server.url.username} of the database may not create databases, which a "
            "backup is proved in. Give the right with ALTER ROLE ... CREATEDB."
        ) from error


def _drop(server: Server, engine: Engine) -> None:
    engine.dispose()
    name = sql.Identifier(engine.url.database or "")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
    server.connection.execute(drop)


def _enable_vectors(engine: Engine) -> bool:
    """Create the extension vector if it is missing; False if that is not allowed."""
    try:
        with tell_outages(engine), engine.begin() as opened:
            connection_of(opened).execute(b"CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _creation(server: Server, name: str, *, template: str) -> sql.Composed:
    """Return the statement that creates a database with the locale of the library's database."""
    row = server.connection.execute(_LOCALE.encode(), [server.name]).fetchone()
    encoding, collate, ctype, provider, locale = row or ("UTF8", "C", "C", "c", None)
    if isinstance(provider, bytes):
        provider = provider.decode()
    statement = sql.SQL(
        "CREATE DATABASE {} TEMPLATE {} ENCODING {} LC_COLLATE {} LC_CTYPE {}"
    ).format(
        sql.Identifier(name),
        sql.Identifier(template),
        *map(sql.Literal, (encoding, collate, ctype)),
    )
    if provider not in _PROVIDERS or locale is None:
        return statement
    return statement + sql.SQL(f" {_PROVIDERS[provider]} ") + sql.Literal(locale)


def check_no_session_runs(server: Server) -> None:
    """Raise SessionBusy if a process runs a session in the library's database."""
    row = server.connection.execute(_RUNNING.encode(), [SESSION, server.name]).fetchone()
    if row:
        raise SessionBusy(int(row[0]))


def switch_databases(server: Server, fresh: str) -> None:
    """Replace the library's database with `fresh`, in one step.

    The old database gets a scratch name, and `drop_leftovers` drops it. Clients are disconnected,
    and find the new database when they reconnect. Raises SessionBusy while a session runs, and
    BackupFailed if clients cannot be kept out.
    """
    aside = f"{server.prefix}{secrets.token_hex(4)}"
    rename = "ALTER DATABASE {} RENAME TO {}"
    for _ in range(SWITCH_TRIES):
        check_no_session_runs(server)
        try:
            with server.connection.transaction():
                for old, new in ((server.name, aside), (fresh, server.name)):
                    server.connection.execute(_END_CLIENTS.encode(), [old])
                    names = map(sql.Identifier, (old, new))
                    server.connection.execute(sql.SQL(rename).format(*names))
            return
        except psycopg.errors.ObjectInUse:
            continue
        except psycopg.OperationalError as error:
            raise BackupFailed(
                f"PostgreSQL went away while the backup took the library's place: {error}. The "
                "library is as it was, or as in the backup: look which."
            ) from error
    raise BackupFailed(
        f"The database {server.name} is in use by programs that do not let go of it. Nothing was "
        "changed. End them, and try again."
    )

"""The way to PostgreSQL: an engine, whether the server answers, the schema brought to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from cluster.core.errors import DatabaseUnavailable

__all__ = [
    "Db",
    "Engine",
    "begin",
    "build_engine",
    "check_database",
    "worker_engine",
]

Db = Session
"""An open transaction, as the functions of the store take it."""

APPLICATION_NAME = "headcount"
CONNECT_TIMEOUT_S = 10
CONNECTION_OPTIONS = ("-c timezone=UTC", "-c plan_cache_mode=force_custom_plan")
"""A plan that was made when the library was small must not be kept while it grows."""


def build_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine for `url`, a postgresql:// or postgres:// URL, through psycopg 3.

    Nothing is connected yet. Each of its transactions is READ COMMITTED, which the locks in
    items.py count on; its times are UTC. A pooled connection that died is replaced before use.
    """
    parsed = _with_driver(url)
    options = [str(parsed.query["options"])] if "options" in parsed.query else []
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={
            "application_name": APPLICATION_NAME,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": " ".join([*options, *CONNECTION_OPTIONS]),
        },
    )


@contextmanager
def begin(engine: Engine) -> Iterator[Db]:
    """Give an open transaction; it is committed at the end, or rolled back by an exception.

    Raises DatabaseUnavailable, naming the server, when it cannot be reached or hangs up.
    """
    try:
        with Session(engine) as db, db.begin():
            yield db
    except OperationalError as error:
        if not _is_connection_lost(error):
            raise
        raise DatabaseUnavailable(say_unreachable(engine, error)) from error


def _is_connection_lost(error: OperationalError) -> bool:
    """Tell a server that is gone from one that answered with an error, such as a deadlock.

    Class 53 is a server that has no room: its disk is full, or it has too many connections.
    """
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or not state or state.startswith(("08", "53", "57P"))


@cache
def worker_engine(url: str) -> Engine:
    """Return this process's one engine for `url`: tasks come and go, their worker stays."""
    return build_engine(url, pool_size=2)


def _with_driver(url: str) -> URL:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise DatabaseUnavailable("The database URL must begin with postgresql://.")
    return make_url(f"postgresql+psycopg://{rest}")


def describe_url(url: URL) -> str:
    """Return host, port and database of `url`, and nothing that must stay secret."""
    host = url.host or url.query.get("host") or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}, database {url.database or 'default'}"


def check_database(engine: Engine) -> None:
    """Raise DatabaseUnavailable, with a sentence that names the server, unless it answers."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError as error:
        raise DatabaseUnavailable(say_unreachable(engine, error)) from None


def say_unreachable(engine: Engine, error: OperationalError) -> str:
    reason = str(error.orig).strip().partition("\n")[0]
    if engine.url.password:
        reason = reason.replace(str(engine.url.password), "***")
    return f"PostgreSQL at {describe_url(engine.url)} does not answer: {reason}"

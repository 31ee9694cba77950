"""Engines and transactions for PostgreSQL, with errors that name the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from cluster.core.errors import DatabaseUnavailable
from cluster.store.database.outages import describe_outage, find_outage
from cluster.store.server.libpq import forget_libpq_environment
from cluster.store.server.server_files import APPLICATION_NAME, find_home

__all__ = [
    "Db",
    "Engine",
    "begin",
    "build_engine",
    "check_database",
    "tell_outages",
    "worker_engine",
]

Db = Session
"""An open transaction, which is the first parameter of the store's functions."""

CONNECT_TIMEOUT_S = 10
CONNECTION_OPTIONS = ("-c timezone=UTC", "-c plan_cache_mode=force_custom_plan")
"""Times are UTC. Plans are custom, because a plan for a small library is wrong after it grows."""


def build_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine for `url`, a postgresql:// or postgres:// URL, through psycopg 3.

    No connection is made yet. Transactions are READ COMMITTED, because a statement after a lock
    must see the commits made while it waited; times are UTC. A dead pooled connection is replaced
    before use. For the embedded server, libpq's environment variables are removed first. Raises
    DatabaseUnavailable when `url` is not a database URL.
    """
    parsed = _with_driver(url)
    if find_home(parsed.query.get("host")) is not None:
        forget_libpq_environment()
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
    """Open a transaction; it is committed at the end of the block, or rolled back by an exception.

    Raises DatabaseUnavailable, naming the server, if it cannot be reached, closes the connection,
    or has no room.
    """
    with tell_outages(engine), Session(engine) as db, db.begin():
        yield db


@contextmanager
def tell_outages(engine: Engine) -> Iterator[None]:
    """Replace errors that mean an unreachable database with DatabaseUnavailable."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        outage = find_outage(engine.url, error)
        if outage is None:
            raise
        raise outage from error


@cache
def worker_engine(url: str) -> Engine:
    """Return this process's engine for `url`, which all tasks in a worker share."""
    return build_engine(url, pool_size=2)


def _with_driver(url: str) -> URL:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise DatabaseUnavailable("The database URL must begin with postgresql://.")
    try:
        return make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):  # These messages show the URL with its password.
        raise DatabaseUnavailable(
            "The database URL is not valid. Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "and percent-encode characters such as @ and / in the password."
        ) from None


def check_database(engine: Engine) -> None:
    """Raise DatabaseUnavailable, naming the server, when it does not answer."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        raise describe_outage(engine.url, error) from None

"""The way to PostgreSQL: an engine, whether the server answers, the schema brought to date."""

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
"""An open transaction, as the functions of the store take it."""

CONNECT_TIMEOUT_S = 10
CONNECTION_OPTIONS = ("-c timezone=UTC", "-c plan_cache_mode=force_custom_plan")
"""A plan that was made when the library was small must not be kept while it grows."""


def build_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine for `url`, a postgresql:// or postgres:// URL, through psycopg 3.

    Nothing is connected yet. Each of its transactions is READ COMMITTED, which the locks in
    items.py count on; its times are UTC. A pooled connection that died is replaced before use. For
    the embedded server, what the environment says about servers is forgotten first. Raises
    DatabaseUnavailable when `url` is none.
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
    """Give an open transaction; it is committed at the end, or rolled back by an exception.

    Raises DatabaseUnavailable, naming the server, when it cannot be reached, hangs up, or has no
    room.
    """
    with tell_outages(engine), Session(engine) as db, db.begin():
        yield db


@contextmanager
def tell_outages(engine: Engine) -> Iterator[None]:
    """Raise DatabaseUnavailable in place of an error within that means the database is away."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        outage = find_outage(engine.url, error)
        if outage is None:
            raise
        raise outage from error


@cache
def worker_engine(url: str) -> Engine:
    """Return this process's one engine for `url`: tasks come and go, their worker stays."""
    return build_engine(url, pool_size=2)


def _with_driver(url: str) -> URL:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise DatabaseUnavailable("The database URL must begin with postgresql://.")
    try:
        return make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):  # Their messages show the URL, with its password.
        raise DatabaseUnavailable(
            "The database URL cannot be read; it is postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "with signs such as @ and / in a password percent-encoded."
        ) from None


def check_database(engine: Engine) -> None:
    """Raise DatabaseUnavailable, with a sentence that names the server, unless it answers."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        raise describe_outage(engine.url, error) from None

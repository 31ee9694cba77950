"""Decides which errors mean that the database is unreachable, and describes them.

Errors come from SQLAlchemy, or directly from psycopg, which COPY and other direct uses raise.
"""

from __future__ import annotations

import psycopg
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from cluster.core.errors import DatabaseDiskFull, DatabaseUnavailable
from cluster.store.server.server_files import find_home, is_disk_full

_DISK_FULL = "53100"
_AWAY = ("08", "53", "57P")
"""Classes of SQLSTATE: connection failed, insufficient resources, operator intervention."""


def find_outage(url: URL, error: DBAPIError | psycopg.Error) -> DatabaseUnavailable | None:
    """Return the error to raise if the database is unreachable; None for any other error.

    Class 53 counts as unreachable, because a server without room may answer again later.
    """
    if not _is_away(error):
        return None
    return describe_outage(url, error)


def describe_outage(url: URL, error: DBAPIError | psycopg.Error) -> DatabaseUnavailable:
    """Return an error with the server and the reason, without the password."""
    home = find_home(url.query.get("host"))
    if _state_of(error) == _DISK_FULL or (home is not None and is_disk_full(home)):
        return DatabaseDiskFull(
            f"The disk of PostgreSQL at {describe_url(url)} is full: make room on it."
        )
    reason = str(_cause_of(error)).strip().partition("\n")[0]
    if url.password:
        reason = reason.replace(str(url.password), "***")
    return DatabaseUnavailable(f"PostgreSQL at {describe_url(url)} does not answer: {reason}")


def describe_url(url: URL) -> str:
    """Return host, port and database of `url`, without user and password."""
    host = url.host or url.query.get("host") or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}, database {url.database or 'default'}"


def _is_away(error: DBAPIError | psycopg.Error) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _state_of(error)
    is_about_the_server = isinstance(_cause_of(error), psycopg.OperationalError)
    return is_about_the_server and (not state or state.startswith(_AWAY))


def _state_of(error: DBAPIError | psycopg.Error) -> str:
    cause = _cause_of(error)
    return (cause.sqlstate or "") if isinstance(cause, psycopg.Error) else ""


def _cause_of(error: DBAPIError | psycopg.Error) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error

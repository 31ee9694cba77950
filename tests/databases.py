"""Fixtures: real PostgreSQL. One server for the run, one migrated template, one database a test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cluster.store.database.engine import build_engine
from cluster.store.database.schema import upgrade_schema
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_process import shut_down

TEMPLATE = "headcount_template"

IN_MEMORY, NEEDED_BYTES = Path("/dev/shm"), 2 << 30
"""Each database has 300 files. To create as many after others were deleted takes a third of a
second on ext4, and a hundredth in memory."""

_numbers = itertools.count(1)
_first: list[Engine] = []


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """URL of the database `postgres` on a server that lives as long as the test run."""
    has_memory = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > NEEDED_BYTES
    place = IN_MEMORY if has_memory and os.access(IN_MEMORY, os.W_OK) else None
    data_dir = Path(tempfile.mkdtemp(prefix="headcount-tests-", dir=place))
    try:
        url = start_embedded(data_dir, options={"fsync": "off"})
        yield url.replace("/headcount?", "/postgres?")
    finally:
        _stop(data_dir)


def _stop(data_dir: Path) -> None:
    stop_embedded(data_dir)
    shut_down(ServerFiles.under(data_dir))
    shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def database_template(database_server: str) -> str:
    """Name of a database with the newest schema, to which nobody is connected."""
    _run(database_server, f"CREATE DATABASE {TEMPLATE}")
    engine = build_engine(database_server.replace("/postgres?", f"/{TEMPLATE}?"))
    upgrade_schema(engine)
    engine.dispose()
    return TEMPLATE


@pytest.fixture
def database_url(database_server: str, database_template: str) -> Iterator[str]:
    """URL of a new database with the newest schema, dropped after the test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _run(database_server, f"CREATE DATABASE {name} TEMPLATE {database_template} STRATEGY FILE_COPY")
    yield database_server.replace("/postgres?", f"/{name}?")
    _run(database_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the test's own database."""
    engine = _share_statements(build_engine(database_url, pool_size=8))
    yield engine
    engine.dispose()


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    """An open session in a transaction, rolled back after the test."""
    with Session(engine) as db, db.begin() as transaction:
        yield db
        if transaction.is_active:
            transaction.rollback()


def _share_statements(engine: Engine) -> Engine:
    """Return the same engine with the statements that the engines before it have compiled.

    Each new engine would compile all statements again, which takes longer than running them.
    """
    if not _first:
        with engine.connect():  # The dialect learns about the server at the first connection.
            _first.append(engine)
        return engine
    sharing = Engine(engine.pool, _first[0].dialect, engine.url)
    sharing._compiled_cache = _first[0]._compiled_cache
    return sharing


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())

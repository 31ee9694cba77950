"""Backups on a server of an administrator: a missing right is reported together with its cure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cluster.core.decisions.backups import BackupKind
from cluster.core.errors import BackupFailed
from cluster.store.backups.making import make_backup
from cluster.store.backups.restoring import restore_backup
from cluster.store.backups.scratch_databases import Server, hold_server
from cluster.store.database.engine import build_engine
from cluster.store.database.schema import upgrade_schema
from tests.backups import list_scratch, name_first_person, names_in, wanted_in
from tests.people import fill_people

ROLE = "headcount_user"


def run(server: Server, *statements: str) -> None:
    for statement in statements:
        server.connection.execute(statement.encode())


def run_in(server: Server, database: str, statement: str) -> None:
    engine = server.engine_of(database)
    with engine.begin() as opened:
        opened.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture
def admin(engine: Engine) -> Iterator[Server]:
    """The administrator of the server."""
    with hold_server(engine) as server:
        yield server


@pytest.fixture
def library(admin: Server) -> Iterator[Engine]:
    """A library of two people, whose database user is not a superuser but may create databases."""
    name = f"of_{ROLE}_{admin.name}"
    run(admin, f"CREATE ROLE {ROLE} LOGIN CREATEDB", f"CREATE DATABASE {name} OWNER {ROLE}")
    run_in(admin, name, "CREATE EXTENSION vector")
    url = admin.url.set(username=ROLE, database=name)
    engine = build_engine(url.render_as_string(hide_password=False))
    try:
        upgrade_schema(engine)
        fill_people(engine, 3, 2)
        name_first_person(engine, "Ada")
        yield engine
    finally:
        engine.dispose()
        run_in(admin, "template1", "DROP EXTENSION IF EXISTS vector")
        run(admin, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {ROLE}")


def test_who_may_not_create_databases_is_told_what_to_do(
    admin: Server, library: Engine, tmp_path: Path
) -> None:
    run(admin, f"ALTER ROLE {ROLE} NOCREATEDB")
    with pytest.raises(BackupFailed, match="Give the right with ALTER ROLE"):
        make_backup(library, wanted_in(tmp_path))


def test_who_may_not_create_the_extension_is_told_what_to_do(
    admin: Server, library: Engine, tmp_path: Path
) -> None:
    with pytest.raises(BackupFailed, match="CREATE EXTENSION vector in its database template1"):
        make_backup(library, wanted_in(tmp_path))
    assert list_scratch(library) == []


@pytest.mark.long
@pytest.mark.parametrize("kind", list(BackupKind))
def test_with_the_extension_in_template1_backups_are_made_and_restored(
    admin: Server, library: Engine, tmp_path: Path, kind: BackupKind
) -> None:
    run_in(admin, "template1", "CREATE EXTENSION vector")
    stored = make_backup(library, replace(wanted_in(tmp_path), kind=kind))
    restore_backup(library, stored.file, wanted_in(tmp_path, hours=1))
    assert names_in(library) == ["Ada"]
    assert list_scratch(library) == []

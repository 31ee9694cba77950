"""Connections to PostgreSQL: URLs, errors without secrets, transactions, locks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from cluster.core.errors import DatabaseUnavailable, NotFound
from cluster.store.database.engine import begin, build_engine, check_database, worker_engine
from cluster.store.database.schema import upgrade_schema
from cluster.store.sessions.phase_rows import load_snapshots


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_any_postgresql_url_goes_through_psycopg(database_url: str, scheme: str) -> None:
    engine = build_engine(database_url.replace("postgresql://", f"{scheme}://"))
    assert engine.dialect.driver == "psycopg"
    check_database(engine)
    engine.dispose()


def test_another_database_is_refused() -> None:
    with pytest.raises(DatabaseUnavailable, match="postgresql://"):
        build_engine("sqlite:///photos.db")


def test_a_url_that_cannot_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(DatabaseUnavailable, match="database URL is not valid") as caught:
        build_engine("postgresql://me:secret@host:port/library")
    assert "secret" not in str(caught.value)


def test_a_url_with_an_option_that_there_is_not_is_refused_in_one_sentence(
    database_url: str,
) -> None:
    engine = build_engine(f"{database_url}&colour=green")
    with pytest.raises(DatabaseUnavailable, match="colour"):
        check_database(engine)


def test_an_unreachable_server_is_named_without_its_password() -> None:
    engine = build_engine("postgresql://me:secret@127.0.0.1:1/library")
    with pytest.raises(DatabaseUnavailable) as caught:
        check_database(engine)
    assert "127.0.0.1:1, database library" in str(caught.value)
    assert "secret" not in str(caught.value)
    with pytest.raises(DatabaseUnavailable):
        load_snapshots(engine, 1)


def test_snapshots_of_no_session_are_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound):
        load_snapshots(engine, 1)


def test_a_transaction_is_committed_whole_or_not_at_all(engine: Engine) -> None:
    with begin(engine) as db:
        db.execute(text("CREATE TABLE kept (n int)"))
    with pytest.raises(ZeroDivisionError), begin(engine) as db:
        db.execute(text("INSERT INTO kept VALUES (1)"))
        raise ZeroDivisionError
    with begin(engine) as db:
        assert db.execute(text("SELECT count(*) FROM kept")).scalar_one() == 0


def test_times_come_back_in_utc_and_clients_are_named(engine: Engine) -> None:
    with begin(engine) as db:
        assert db.execute(text("SHOW timezone")).scalar_one() == "UTC"
        assert db.execute(text("SHOW application_name")).scalar_one() == "headcount"


def test_the_schema_may_be_upgraded_by_many_at_once(database_url: str, engine: Engine) -> None:
    with begin(engine) as db:
        db.execute(text("DROP SCHEMA public CASCADE"))
        db.execute(text("CREATE SCHEMA public"))
    engines = [build_engine(database_url) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(upgrade_schema, engines))
    with begin(engine) as db:
        assert db.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    for one in engines:
        one.dispose()


def test_a_worker_has_one_engine_for_a_url(database_url: str) -> None:
    assert worker_engine(database_url) is worker_engine(database_url)

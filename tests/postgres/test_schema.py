"""The migrations make exactly the tables that the models describe."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from cluster.store.engine import build_engine
from cluster.store.tables import Table

CATALOG = text(
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
    UNION ALL
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    UNION ALL
    SELECT table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    """
)


def read_catalog(engine: Engine) -> set[tuple[str, str, str]]:
    with engine.connect() as connection:
        return {(row[0], row[1], row[2]) for row in connection.execute(CATALOG)}


def test_migrations_equal_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_constraints_and_indexes_equal_models(engine: Engine, database_url: str) -> None:
    migrated = read_catalog(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        connection.execute(text("CREATE EXTENSION vector"))
    fresh = build_engine(database_url)
    Table.metadata.create_all(fresh)
    assert read_catalog(fresh) == migrated
    fresh.dispose()


def test_enum_columns_hold_values(engine: Engine) -> None:
    checks = [definition for _, _, definition in read_catalog(engine) if "paused" in definition]
    assert checks
    assert not any("PAUSED" in definition for definition in checks)

"""The migrations make exactly the tables that the models describe."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from cluster.core.errors import DatabaseUnusable
from cluster.store.database.engine import build_engine
from cluster.store.database.schema import upgrade_schema
from cluster.store.database.tables import Table

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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", r"made by a newer .*9999.*data_dir"),
        ("UPDATE alembic_version SET version_num = 'feedbeef'", r"names feedbeef.*backup"),
        ("DELETE FROM alembic_version", r"names nothing.*damaged"),
        ("INSERT INTO alembic_version VALUES ('0002')", r"names \d{4}, \d{4}.*damaged"),
        ("DROP TABLE alembic_version", r"names nothing.*damaged"),
        (
            "ALTER TABLE alembic_version RENAME version_num TO lost",
            r"could not be upgraded: column .*version_num.* does not exist",
        ),
    ],
)
def test_tables_that_are_not_of_this_version_are_refused_in_one_sentence(
    engine: Engine, change: str, said: str
) -> None:
    with engine.begin() as connection:
        connection.execute(text(change))
    before = read_catalog(engine)
    with pytest.raises(DatabaseUnusable, match=said) as caught:
        upgrade_schema(engine)
    assert "\n" not in str(caught.value)
    assert str(engine.url.database) in str(caught.value)
    assert read_catalog(engine) == before


def test_a_user_who_may_make_no_tables_is_told_so_in_one_sentence(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        connection.execute(text("GRANT USAGE ON SCHEMA public TO public"))
        connection.execute(text("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN"))
    stranger = build_engine(
        engine.url.set(username="stranger").render_as_string(hide_password=False)
    )
    with pytest.raises(DatabaseUnusable, match=r"permission denied.*another database") as caught:
        upgrade_schema(stranger)
    assert "\n" not in str(caught.value)
    stranger.dispose()

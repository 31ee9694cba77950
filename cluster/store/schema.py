"""The schema brought to date by Alembic. Only entry points need this; workers never do."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from cluster.core.errors import DatabaseUnavailable
from cluster.store.engine import check_database, describe_url

MIGRATIONS = Path(__file__).with_name("migrations")

_MIGRATION_LOCK = 0x48434D47
"""One number for all processes that may migrate the same database at the same time."""


def upgrade_schema(engine: Engine) -> None:
    """Bring the schema to the newest revision; processes that ask at once take turns.

    Raises DatabaseUnavailable when the schema cannot be made, for example without pgvector.
    """
    check_database(engine)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            command.upgrade(migration_config(connection), "head")
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(
            f"The schema at {describe_url(engine.url)} could not be brought to date: {error}"
        ) from error


def migration_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations in this package, on `connection`."""
    config = Config()
    # ConfigParser reads a percent sign as the start of a reference.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config

"""Upgrades the schema with Alembic. Only entry points call it, never workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cluster.core.errors import DatabaseUnusable
from cluster.store.database.engine import check_database, tell_outages
from cluster.store.database.outages import describe_url
from cluster.store.database.tables import TrainingSession
from cluster.store.locks import lock_migrations

NEWEST = "head"
MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade_schema(
    engine: Engine, *, before: Callable[[], object] = lambda: None, to: str = NEWEST
) -> None:
    """Upgrade the schema to the newest revision, or an earlier one; one process does so at a time.

    `before` is called first if there are tables of an earlier revision; its errors prevent the
    upgrade. Each revision is a transaction, so a killed upgrade continues after the last complete
    revision. Raises DatabaseUnavailable, or DatabaseUnusable when the upgrade fails, for example
    without pgvector, or when the schema does not belong to this version or an earlier one.
    """
    check_database(engine)
    place = describe_url(engine.url)
    try:
        if find_revision(engine) in list_revisions()[1:]:
            before()
        with tell_outages(engine):
            while not _upgrade_once(engine, to=to, place=place):
                pass
    except (SQLAlchemyError, CommandError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = str(cause).strip().partition("\n")[0]
        raise DatabaseUnusable(
            f"The tables of the database at {place} could not be upgraded: {reason}. "
            "Correct that, or set another database_url."
        ) from error


def create_schema(engine: Engine, revision: str) -> None:
    """Create the tables of an empty database as they were in this revision.

    Raises DatabaseUnusable when this version does not know the revision, or the server refuses.
    """
    place = describe_url(engine.url)
    try:
        with tell_outages(engine), engine.begin() as connection:
            command.upgrade(migration_config(connection), revision)
    except (SQLAlchemyError, CommandError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = str(cause).strip().partition("\n")[0]
        raise DatabaseUnusable(f"The tables of {place} could not be created: {reason}.") from error


def list_revisions() -> list[str]:
    """Return the revisions that this version knows, the newest first."""
    scripts = ScriptDirectory.from_config(migration_config()).walk_revisions()
    return [script.revision for script in scripts]


def find_revision(engine: Engine) -> str | None:
    """Return the revision of the tables; None without tables, or with several revisions."""
    with tell_outages(engine), engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_heads()
    return found[0] if len(found) == 1 else None


def _upgrade_once(engine: Engine, *, to: str, place: str) -> bool:
    """Upgrade by one revision in one transaction; return True at the wanted revision."""
    with engine.begin() as connection:
        lock_migrations(connection)
        config = migration_config(connection)
        _check_revision(connection, config, place=place)
        scripts = ScriptDirectory.from_config(config)
        found = MigrationContext.configure(connection).get_current_revision()
        left = [one.revision for one in scripts.iterate_revisions(to, found or "base")]
        if left:
            command.upgrade(config, left[-1])
    return len(left) <= 1


def _check_revision(connection: Connection, config: Config, *, place: str) -> None:
    """Raise DatabaseUnusable when the tables belong to a newer version, or are damaged."""
    found = MigrationContext.configure(connection).get_current_heads()
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if len(found) == 1 and found[0] in known:
        return
    if len(found) == 1 and found[0].isdigit() and found[0] > known[0]:
        raise DatabaseUnusable(
            f"The database at {place} was made by a newer Headcount (revision {found[0]}; this one "
            f"knows {known[0]}). Use that version or a later one, or set another data_dir or "
            "database_url."
        )
    if found or inspect(connection).has_table(TrainingSession.__tablename__):
        named = ", ".join(found) or "nothing"
        raise DatabaseUnusable(
            f"The table alembic_version of the database at {place} names {named}, which no "
            "version of Headcount wrote: it is damaged. Restore the database from a backup, or set "
            "another database_url."
        )


def migration_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations in this package, on `connection`."""
    config = Config()
    # ConfigParser takes a percent sign for the start of an interpolation, so it is doubled.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config

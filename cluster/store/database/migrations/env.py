"""The script that Alembic runs, on the connection of upgrade_schema or on sqlalchemy.url."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from cluster.store.database.engine import build_engine
from cluster.store.database.tables import Table


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        raise SystemExit("Alembic needs sqlalchemy.url.")
    with build_engine(url).begin() as opened:
        _migrate(opened)


_run()

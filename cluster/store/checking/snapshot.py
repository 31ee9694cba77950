"""Opens the read-only transaction of a check, which sees one snapshot of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import DatabaseUnusable
from cluster.store.database.engine import Db, Engine, tell_outages
from cluster.store.database.outages import describe_url
from cluster.store.database.schema import migration_config

_READ_ONLY = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@contextmanager
def open_snapshot(engine: Engine) -> Iterator[Db]:
    """Open a transaction in which PostgreSQL itself refuses every change.

    Raises DatabaseUnavailable, or DatabaseUnusable if the tables have another revision than this
    version; they are not upgraded here.
    """
    with tell_outages(engine), Session(engine) as db, db.begin():
        db.execute(_READ_ONLY)
        _check_revision(db)
        yield db


def _check_revision(db: Db) -> None:
    found = find_revision(db)
    newest = ScriptDirectory.from_config(migration_config()).get_current_head() or ""
    if found == newest:
        return
    place = describe_url(db.get_bind().engine.url)
    if found is None:
        raise DatabaseUnusable(f"The database at {place} has no tables of Headcount.")
    if found.isdigit() and found < newest:
        raise DatabaseUnusable(
            f"The tables of the database at {place} are those of an earlier version (revision "
            f"{found}; this one has {newest}). The next session upgrades them; check them then."
        )
    raise DatabaseUnusable(
        f"The tables of the database at {place} have revision {found}, which this version does not "
        f"know (its newest is {newest}). Check them with the version that made them."
    )


def find_revision(db: Db) -> str | None:
    """Return the revision in alembic_version; None without tables."""
    if db.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    return db.execute(text("SELECT version_num FROM alembic_version LIMIT 1")).scalar()

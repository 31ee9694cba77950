"""Writes rows with COPY: into staging tables for set-based SQL, or directly into a table.

A staging table belongs to a connection and is empty at the start of each transaction, so that
batches need not create one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Staging:
    """A temporary table: its name, and its columns with their PostgreSQL types, in order."""

    name: str
    columns: tuple[tuple[str, str], ...]

    def fill(self, db: Session, rows: Iterable[Sequence[Any]]) -> None:
        """Fill the table with exactly these rows, until the transaction ends."""
        self.clear(db)
        self.append(db, rows)

    def clear(self, db: Session) -> None:
        """Create the table if this connection lacks it, and remove all rows."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns)
        driver_connection(db).execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.name} ({columns}) ON COMMIT DELETE ROWS;"
            f"DELETE FROM {self.name}".encode()
        )

    def append(self, db: Session, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows to the table, which `clear` has created."""
        cursor = driver_connection(db).cursor()
        with cursor.copy(f"COPY {self.name} FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.set_types([kind for _, kind in self.columns])
            for row in rows:
                copy.write_row(row)

    def fill_from(self, db: Session, query: str, values: Mapping[str, Any]) -> None:
        """Fill the table with exactly the rows of a query, until the transaction ends."""
        self.clear(db)
        db.execute(text(f"INSERT INTO {self.name} {query}"), values)
        db.execute(text(f"ANALYZE {self.name}"))


def driver_connection(db: Session) -> psycopg.Connection:
    """Return psycopg's connection of `db`, in the same transaction."""
    return connection_of(db.connection())


def connection_of(opened: Connection) -> psycopg.Connection:
    """Return psycopg's connection of an SQLAlchemy connection, in the same transaction."""
    connection = opened.connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError(f"The store needs psycopg 3, not {type(connection)}.")
    return connection

"""Copies complete tables from one database to another, in any revision.

Rows are copied in the binary format of PostgreSQL's COPY, ordered by the primary key. So two
databases with equal rows give equal bytes, and a digest of these bytes proves a copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from cluster.core.decisions.backups import TableCopy
from cluster.store.database.copying import connection_of
from cluster.store.database.engine import tell_outages

Write = Callable[[bytes], object]

_LIST = """
    SELECT c.relname AS name,
        array(
            SELECT attname::text FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
            ORDER BY attnum
        ) AS columns,
        array(
            SELECT a.attname::text
            FROM unnest(i.indkey) WITH ORDINALITY k(attnum, position)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum ORDER BY k.position
        ) AS key
    FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
        AND c.relname <> 'alembic_version'
    ORDER BY c.relname
"""
_LIST_LINKS = """
    SELECT conrelid::regclass::text AS name, conname::text, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint
    WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY oid
"""
_NAME_SEQUENCES = """
    SELECT sequencename::text FROM pg_sequences WHERE schemaname = current_schema() ORDER BY 1
"""
_LIST_SEQUENCES = """
    SELECT sequencename::text, last_value FROM pg_sequences
    WHERE schemaname = current_schema() AND last_value IS NOT NULL AND sequencename = ANY(%s)
    ORDER BY 1
"""
_RAISE_SEQUENCE = """
    SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass,
        greatest(coalesce(last_value, 1), %(last)s::bigint))
    FROM pg_sequences WHERE schemaname = current_schema() AND sequencename = %(name)s
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table: its columns in order, and the columns of its primary key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


@contextmanager
def reading(engine: Engine) -> Iterator[psycopg.Connection]:
    """Yield a read-only connection that sees one snapshot of the database."""
    with tell_outages(engine), engine.connect() as opened:
        opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with opened.begin():
            yield connection_of(opened)


@contextmanager
def writing(engine: Engine) -> Iterator[psycopg.Connection]:
    """Yield a connection in a transaction, which is committed at the end of the block."""
    with tell_outages(engine), engine.begin() as opened:
        yield connection_of(opened)


def list_tables(connection: psycopg.Connection) -> list[Shape]:
    """Return all tables of the library, ordered by name."""
    found = connection.execute(_LIST.encode())
    return [Shape(name, tuple(columns), tuple(key)) for name, columns, key in found]


def copy_out(connection: psycopg.Connection, shape: Shape, write: Write) -> TableCopy:
    """Pass the rows of a table to `write`, piece by piece; return their number and digest."""
    query = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT (FORMAT BINARY)").format(
        _list(shape.columns), sql.Identifier(shape.name), _list(shape.key)
    )
    digest, size = hashlib.sha256(), 0
    cursor = connection.cursor()
    with cursor.copy(query) as copy:
        for piece in copy:
            digest.update(piece)
            size += len(piece)
            write(bytes(piece))
    return TableCopy(shape.columns, cursor.rowcount, size, digest.hexdigest())


def copy_in(
    connection: psycopg.Connection, name: str, columns: Iterable[str], pieces: Iterable[bytes]
) -> None:
    """Add rows that `copy_out` wrote to a table."""
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(name), _list(columns)
    )
    with connection.cursor().copy(query) as copy:
        for piece in pieces:
            copy.write(piece)


@contextmanager
def without_links(connection: psycopg.Connection) -> Iterator[None]:
    """Drop all foreign keys for the block, and create them again, which checks every row.

    This is needed because rows refer to each other in cycles, so no order of the tables works.
    """
    links = connection.execute(_LIST_LINKS.encode()).fetchall()
    for table, name, _ in links:
        statement = f"ALTER TABLE {table} DROP CONSTRAINT {{}}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
    yield
    for table, name, definition in links:
        statement = f"ALTER TABLE {table} ADD CONSTRAINT {{}} {definition}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def analyse(connection: psycopg.Connection) -> None:
    """Update the planner's statistics of all tables."""
    connection.execute(b"ANALYZE")


def list_sequences(connection: psycopg.Connection) -> list[str]:
    """Return the names of all sequences."""
    return [name for (name,) in connection.execute(_NAME_SEQUENCES.encode())]


def read_sequences(connection: psycopg.Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the last value of each of these sequences that has been used."""
    return dict(connection.execute(_LIST_SEQUENCES.encode(), [list(names)]).fetchall())


def raise_sequences(connection: psycopg.Connection, last: Mapping[str, int]) -> None:
    """Raise sequences to at least these values, so that no id is assigned twice."""
    for name, number in last.items():
        connection.execute(_RAISE_SEQUENCE.encode(), {"name": name, "last": number})


def _list(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))

"""Computes the digest of a database: row counts and digests of all tables, and its sequences.

Two databases with equal rows have equal digests in any version of PostgreSQL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

_TABLES = """
    SELECT c.relname, array(
        SELECT a.attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (number, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE i.indrelid = c.oid AND i.indisprimary AND k.number = a.attnum ORDER BY k.place
    )
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""
_SEQUENCES = """
    SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1
"""
# Since PostgreSQL 18, columns that are NOT NULL have a constraint of this kind.
_RULES = """
    SELECT conrelid::regclass::text || ' ' || conname FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    UNION ALL SELECT tablename || ' ' || indexname FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class TableDigest:
    """The number of rows of a table, and the SHA-256 of the rows as COPY writes them."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DatabaseDigest:
    """Digests of tables, last values of sequences, and names of constraints and indexes."""

    tables: Mapping[str, TableDigest]
    sequences: Mapping[str, int | None]
    rules: tuple[str, ...]

    @property
    def rows(self) -> int:
        """The number of rows in all tables."""
        return sum(table.rows for table in self.tables.values())

    def differences(self, other: DatabaseDigest) -> list[str]:
        """Return the names of the tables, sequences, constraints and indexes that differ."""
        names = {*self.tables, *other.tables}
        found = [one for one in names if self.tables.get(one) != other.tables.get(one)]
        names = {*self.sequences, *other.sequences}
        found += [one for one in names if self.sequences.get(one) != other.sequences.get(one)]
        return sorted(found) + sorted({*self.rules} ^ {*other.rules})


def digest_database(url: str) -> DatabaseDigest:
    """Return the digest of a database, read in one read-only transaction."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tables = connection.execute(_TABLES.encode()).fetchall()
        return DatabaseDigest(
            {name: _digest(connection, name, key) for name, key in tables},
            dict(connection.execute(_SEQUENCES.encode()).fetchall()),
            tuple(row[0] for row in connection.execute(_RULES.encode())),
        )


def _digest(connection: psycopg.Connection, name: str, key: list[str]) -> TableDigest:
    """Digest the rows in the order of the primary key, or of all columns without one."""
    order = sql.SQL(", ").join(map(sql.Identifier, key)) if key else sql.SQL("t")
    query = sql.SQL("COPY (SELECT * FROM {} t ORDER BY {}) TO STDOUT (FORMAT BINARY)")
    digest, rows = hashlib.sha256(), sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
    with connection.cursor().copy(query.format(sql.Identifier(name), order)) as copy:
        for piece in copy:
            digest.update(piece)
    counted = connection.execute(rows).fetchone()
    return TableDigest(int(counted[0]) if counted else 0, digest.hexdigest())

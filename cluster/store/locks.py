"""All advisory locks of the database, and the order in which a transaction takes them.

A transaction that needs several takes them from the top of this list to the bottom, with the rows
of its items after the attempts: so no two transactions wait for each other.

1. MIGRATION: the schema is brought to date.
2. SESSION: a process runs a session, or keeps drivers out of it (sessions/session_locks.py).
3. ATTEMPTS: workers of a session commit (shared), or a new attempt begins (alone).
4. COMMIT_SLOTS: so many workers commit at a time.
5. LIBRARY: files and photos change.
6. PEOPLE: people change, or faces are deleted.

SESSION, ATTEMPTS and COMMIT_SLOTS are classes: the key's upper 32 bits, with the session's id or
the slot's number below. The others are single keys.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

MIGRATION = 0x48434D47
SESSION = 0x48435300
ATTEMPTS = 0x48434100
COMMIT_SLOTS = 0x48435400
LIBRARY = 0x48434C42
PEOPLE = 0x48435045

_LOCK = text("SELECT pg_advisory_xact_lock(:key)")


def key_of(lock_class: int, number: int) -> int:
    """Return the 64-bit key of one lock of a class."""
    return lock_class << 32 | number


def lock_migrations(connection: Connection) -> None:
    """Leave this transaction as the only one that changes the schema, until it ends."""
    connection.execute(_LOCK, {"key": MIGRATION})


def lock_library(db: Session) -> None:
    """Leave this transaction as the only one that changes files, until it ends."""
    db.execute(_LOCK, {"key": LIBRARY})


def lock_people(db: Session) -> None:
    """Leave this transaction as the only one that changes people or deletes faces, until it ends.

    Clustering, users and erasing all take it first, so that none waits for the others' rows.
    """
    db.execute(_LOCK, {"key": PEOPLE})

"""All advisory locks of the database, and the order in which a transaction takes them.

A transaction that needs several locks takes them from the top of this list to the bottom. It locks
the rows of its items after ATTEMPTS. Therefore transactions cannot deadlock.

0. BACKUP: held, in the server's database `postgres`, to make a backup of a database or restore one.
1. MIGRATION: held while the schema is upgraded.
2. SESSION: held to run a session, or to keep drivers out of it (sessions/session_locks.py).
3. ATTEMPTS: held shared by the workers of a session to commit, exclusively to begin an attempt.
4. COMMIT_SLOTS: limit how many workers commit at the same time.
5. LIBRARY: held to change files and photos.
6. PEOPLE: held to change people or to delete faces.
7. NOTIFICATION: held to send a message about the end of a session, and to record the result.

BACKUP, SESSION, ATTEMPTS, COMMIT_SLOTS and NOTIFICATION are classes of locks: the upper 32 bits of
the key hold the class, and the lower ones a digest of the database's name, the session's id, the
slot's number or the message's id. The other locks are single keys.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

BACKUP = 0x48434200
MIGRATION = 0x48434D47
SESSION = 0x48435300
ATTEMPTS = 0x48434100
COMMIT_SLOTS = 0x48435400
LIBRARY = 0x48434C42
PEOPLE = 0x48435045
NOTIFICATION = 0x48434E00

_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_TRY = text("SELECT pg_try_advisory_xact_lock(:key)")


def key_of(lock_class: int, number: int) -> int:
    """Return the 64-bit key of the lock of a class with this number."""
    return lock_class << 32 | number


def lock_migrations(connection: Connection) -> None:
    """Lock out other changes of the schema until the transaction ends."""
    connection.execute(_LOCK, {"key": MIGRATION})


def lock_library(db: Session) -> None:
    """Lock out other changes of files and photos until the transaction ends."""
    db.execute(_LOCK, {"key": LIBRARY})


def lock_people(db: Session) -> None:
    """Lock out other changes of people and deletions of faces until the transaction ends.

    Clustering, users and erasing take this lock before they lock rows, so they cannot deadlock.
    """
    db.execute(_LOCK, {"key": PEOPLE})


def try_lock_notification(db: Session, notification_id: int) -> bool:
    """Lock out other senders of a message until the transaction ends; False if one is active."""
    key = key_of(NOTIFICATION, notification_id)
    return bool(db.execute(_TRY, {"key": key}).scalar_one())

"""Erases a session, a person, or everything, permanently.

A session owns its items and phases, and the photos that no other session has found, with their
thumbnails, fingerprints, faces and records of detection. A photo that represents a duplicate in
another session stays until that session is erased. People without a remaining face are erased too,
named or not.

No query sees a deleted row, but PostgreSQL keeps its bytes in its files until it reuses the space;
`compact_tables` removes them at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Engine, TextClause, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound, SessionBusy, SessionRunning
from cluster.core.sessions import SessionStatus
from cluster.store.database.engine import begin, tell_outages
from cluster.store.database.tables import Table
from cluster.store.decisions.kept_list import forget_kept_of
from cluster.store.locks import lock_library, lock_people
from cluster.store.people.answer_rows import delete_dead_answers
from cluster.store.people.erased_faces import mark_erased
from cluster.store.people.forgotten_changes import forget_changes
from cluster.store.sessions.attempts import hold_attempts_closed
from cluster.store.sessions.session_locks import keep_drivers_out, list_locked_sessions
from cluster.store.sessions.session_rows import get_session

ENDING_S = 20.0
"""How long to wait for a driver that is ending, which first commits the photos in flight."""

POLL_S = 0.2

_TABLES = ", ".join(table.name for table in Table.metadata.sorted_tables)

_BEGIN = text("DROP TABLE IF EXISTS orphan, left_person")
_FIND_ORPHANS = text(
    """
    CREATE TEMP TABLE orphan ON COMMIT DROP AS SELECT i.id FROM image i
    WHERE NOT EXISTS (
        SELECT FROM file f JOIN session_item s ON s.file_id = f.id WHERE f.image_id = i.id
    ) AND NOT EXISTS (
        SELECT FROM image d JOIN file f ON f.image_id = d.id
            JOIN session_item s ON s.file_id = f.id
        WHERE d.duplicate_of = i.id
    )
    """
)
_DELETE_FILES = text(
    """
    DELETE FROM file f WHERE NOT EXISTS (SELECT FROM session_item s WHERE s.file_id = f.id)
        AND (image_id IS NULL OR image_id IN (SELECT id FROM orphan))
    """
)
_DELETE_LIBRARIES = text(
    """
    DELETE FROM library l
    WHERE NOT EXISTS (SELECT FROM training_session t WHERE t.library_id = l.id)
    """
)
_FIND_LEFT = text(
    """
    CREATE TEMP TABLE left_person ON COMMIT DROP AS
    SELECT DISTINCT person_id AS id FROM face JOIN orphan ON orphan.id = face.image_id
    WHERE person_id IS NOT NULL
    """
)
_COUNT_FACES = text("SELECT count(*) FROM face WHERE image_id IN (SELECT id FROM orphan)")
_DELETE_SESSION = text("DELETE FROM training_session WHERE id = :session_id")
_DELETE_ORPHANS = text("DELETE FROM image WHERE id IN (SELECT id FROM orphan)")

_FIND_FACELESS = text(
    """
    SELECT id FROM left_person
    WHERE NOT EXISTS (SELECT FROM face WHERE face.person_id = left_person.id)
    """
)
_DELETE_PEOPLE = text("DELETE FROM person WHERE id = ANY(:ids)")

_NAME = text("SELECT name FROM person WHERE id = :person_id")
_DELETE_FACES = text("DELETE FROM face WHERE person_id = :person_id RETURNING image_id, pack")
_RECOUNT = text(
    """
    UPDATE detection d SET faces = (
        SELECT count(*) FROM face f WHERE f.image_id = d.image_id AND f.pack = d.pack
    )
    WHERE d.image_id = ANY(:image_ids) AND d.pack = ANY(:packs)
    """
)


@dataclass(frozen=True, slots=True)
class Erased:
    """The numbers of photos, faces and people that were erased."""

    photos: int
    faces: int
    people: int


def erase_session(db: Session, session_id: int) -> Erased:
    """Erase a session and everything that only it owns; return the numbers of erased rows.

    Raises NotFound, SessionRunning while it runs, or SessionBusy while its driver is still ending.
    """
    _stand_still(db)
    if get_session(db, session_id, for_change=True).status is SessionStatus.RUNNING:
        raise SessionRunning(session_id)
    keep_drivers_out(db, session_id)
    db.execute(_DELETE_SESSION, {"session_id": session_id})
    db.execute(_BEGIN)
    db.execute(_FIND_ORPHANS)
    db.execute(_FIND_LEFT)
    faces = int(db.execute(_COUNT_FACES).scalar_one())
    db.execute(_DELETE_FILES)
    db.execute(_DELETE_LIBRARIES)
    photos = count_rows(db, _DELETE_ORPHANS)
    people = delete_people(db, list(db.execute(_FIND_FACELESS).scalars()))
    return Erased(photos, faces, people)


def erase_ended_session(engine: Engine, session_id: int) -> Erased:
    """Erase a session in a transaction of its own, waiting up to ENDING_S for its driver to end.

    Raises the errors of `erase_session`.
    """
    deadline = time.monotonic() + ENDING_S
    while True:
        try:
            with begin(engine) as db:
                return erase_session(db, session_id)
        except SessionRunning:
            raise
        except SessionBusy:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL_S)


def erase_person(db: Session, person_id: int) -> Erased:
    """Erase a person with all its faces; the photos stay. Raises NotFound.

    The photos still count as searched, and no face is added again where these faces were. Faces of
    the same human that are ungrouped or with another person stay. Imported decisions that name the
    person and still wait for their photo are erased too.
    """
    lock_people(db)
    name = db.execute(_NAME, {"person_id": person_id}).scalar()
    if name is not None:
        forget_kept_of(db, name)
    mark_erased(db, person_id)
    rows = db.execute(_DELETE_FACES, {"person_id": person_id}).all()
    image_ids, packs = {row.image_id for row in rows}, {row.pack for row in rows}
    db.execute(_RECOUNT, {"image_ids": list(image_ids), "packs": list(packs)})
    if not delete_people(db, [person_id]):
        raise NotFound("person", person_id)
    return Erased(photos=0, faces=len(rows), people=1)


def erase_all(db: Session) -> Erased:
    """Erase every session, photo, face and person.

    The tables' files are emptied as well. Raises SessionRunning or SessionBusy while a session
    runs or its driver is ending.
    """
    _stand_still(db)
    query = text("SELECT id FROM training_session WHERE status = 'running' LIMIT 1")
    running = db.execute(query).scalar()
    if running is not None:
        raise SessionRunning(running)
    for session_id in list_locked_sessions(db):
        keep_drivers_out(db, session_id)
    photos, faces, people = db.execute(
        text(
            "SELECT (SELECT count(*) FROM image), (SELECT count(*) FROM face),"
            " (SELECT count(*) FROM person)"
        )
    ).one()
    db.execute(text(f"TRUNCATE {_TABLES}"))
    return Erased(int(photos), int(faces), int(people))


def compact_tables(engine: Engine) -> None:
    """Rewrite the tables, so that no deleted row is left in their files.

    Each table is locked while it is rewritten, and needs as much free disk space as its size.
    Raises DatabaseDiskFull if there is too little.
    """
    with tell_outages(engine), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"VACUUM (FULL) {_TABLES}"))
        connection.execute(text("CHECKPOINT"))


def _stand_still(db: Session) -> None:
    """Lock out discovery, commits of batches and changes to people until the transaction ends."""
    for session_id in list_locked_sessions(db):
        hold_attempts_closed(db, session_id)
    lock_library(db)
    lock_people(db)


def delete_people(db: Session, ids: list[int]) -> int:
    """Delete people with the changes that mention them; return how many people were deleted.

    Answers without one of their sides are deleted too.
    """
    forget_changes(db, ids)
    deleted = count_rows(db, _DELETE_PEOPLE, ids=ids)
    delete_dead_answers(db)
    return deleted


def count_rows(db: Session, statement: TextClause, **key: object) -> int:
    """Run a statement with the parameters `key`; return how many rows it changed."""
    return int(cast(CursorResult[Any], db.execute(statement, key)).rowcount)

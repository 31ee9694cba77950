"""Computes a digest of the decisions in a library, and counts its content.

Decisions are the names, birth dates, covers and hiding of people, placed faces, verdicts, answers,
erasures, kept decisions, and the undo log. Findings of sessions are not included, because a session
can find them again.
"""

from __future__ import annotations

import hashlib

import psycopg

from cluster.core.decisions.backups import Totals

PAGE = 1_000
_COLUMNS = """
    SELECT table_name || '.' || column_name FROM information_schema.columns
    WHERE table_schema = current_schema()
"""

_LOGS = ("person_change", "face_answer", "erased_face", "kept_decision")
_ROWS = "SELECT to_jsonb(t)::text FROM {} t ORDER BY id"
_PEOPLE = """
    SELECT (to_jsonb(t) - 'updated_at')::text FROM person t
    WHERE name IS NOT NULL OR hidden OR (to_jsonb(t) ->> 'birth_date') IS NOT NULL
        OR (to_jsonb(t) ->> 'cover_face_id') IS NOT NULL
    ORDER BY id
"""
_PLACED = (
    "SELECT id::text || ' ' || coalesce(person_id, 0) FROM face WHERE placed_by_user ORDER BY id"
)
_VERDICTS = "SELECT id::text || ' ' || verdict FROM face WHERE verdict IS NOT NULL ORDER BY id"


def digest_decisions(connection: psycopg.Connection) -> str:
    """Return a digest of all decisions, "" if there are none; earlier revisions work too."""
    known = {name for (name,) in connection.execute(_COLUMNS.encode())}
    queries = [_ROWS.format(log) for log in _LOGS if f"{log}.id" in known]
    queries += [_PEOPLE] if "person.hidden" in known else []
    queries += [_PLACED] if "face.placed_by_user" in known else []
    queries += [_VERDICTS] if "face.verdict" in known else []
    digest, is_empty = hashlib.sha256(), True
    for query in queries:
        digest.update(query.encode())
        with connection.cursor("decisions") as cursor:  # There may be a million kept decisions.
            cursor.itersize = PAGE
            for (row,) in cursor.execute(query.encode()):
                digest.update(row.encode() + b"\n")
                is_empty = False
    return "" if is_empty else digest.hexdigest()


def count_totals(connection: psycopg.Connection) -> Totals:
    """Return the numbers of photos, faces, people and named people; all 0 without tables."""
    known = {name for (name,) in connection.execute(_COLUMNS.encode())}
    if "person.name" not in known:
        return Totals()
    query = b"""
        SELECT (SELECT count(*) FROM image), (SELECT count(*) FROM face), count(*), count(name)
        FROM person
    """
    row = connection.execute(query).fetchone()
    return Totals(*row) if row else Totals()

"""Finds damage by queries: contradictory rows, bad vectors, and truncated pictures.

Every query reads a whole table, in the caller's transaction, which may be read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cluster.core.damage import EXAMPLES, NORM_TOLERANCE, Damage, DamageKind
from cluster.core.identity.people import fold_name
from cluster.store.database.outages import find_outage

MOST_KEYS = 100_000
"""The most ids of one kind of damage that are kept for a repair; the next repair mends the rest."""

JPEG_START, JPEG_END = "\\xffd8", "\\xffd9"


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A query for the id of each damaged row and a name for it."""

    kind: DamageKind
    query: str


def _is_cut(column: str) -> str:
    """Return the SQL condition that bytes do not begin and end with the markers of a JPEG."""
    return (
        f"(substring({column} for 2) IS DISTINCT FROM '{JPEG_START}'::bytea"
        f" OR substring({column} from octet_length({column}) - 1) <> '{JPEG_END}'::bytea)"
    )


VECTOR_DAMAGE = f"""
    WITH usual AS (
        SELECT DISTINCT ON (pack) pack, vector_dims(embedding) AS dims FROM face
        WHERE embedding IS NOT NULL GROUP BY pack, dims ORDER BY pack, count(*) DESC
    )
    SELECT f.id, 'face ' || f.id AS word FROM face f JOIN usual u ON u.pack = f.pack
    WHERE f.embedding IS NOT NULL AND (
        vector_dims(f.embedding) <> u.dims OR abs(vector_norm(f.embedding) - 1) > {NORM_TOLERANCE}
    )
    """

ROW_CHECKS = (
    RowCheck(
        DamageKind.PHOTO_WITHOUT_FILE,
        """
        SELECT i.id, 'photo ' || i.id AS word FROM image i
        WHERE NOT EXISTS (SELECT FROM file f WHERE f.image_id = i.id)
        """,
    ),
    RowCheck(
        DamageKind.MISSING_FLAG,
        """
        SELECT i.id, 'photo ' || i.id AS word FROM image i
        JOIN (
            SELECT image_id, bool_or(missing_since IS NULL) AS is_there FROM file GROUP BY image_id
        ) f ON f.image_id = i.id
        WHERE (i.missing_since IS NULL) <> f.is_there
        """,
    ),
    RowCheck(
        DamageKind.OWN_DUPLICATE,
        """
        SELECT id, 'photo ' || id AS word FROM image WHERE duplicate_of = id OR similar_to = id
        """,
    ),
    RowCheck(
        DamageKind.PATH_DIGEST,
        """
        SELECT id, 'file ' || id AS word FROM file
        WHERE path_sha256 <> sha256(convert_to(path, 'UTF8'))
        UNION ALL
        SELECT -id, 'library ' || id FROM library
        WHERE root_sha256 <> sha256(convert_to(root, 'UTF8'))
        """,
    ),
    # A person may have no face until the session that searches again has grouped the faces.
    RowCheck(
        DamageKind.PERSON_WITHOUT_FACE,
        """
        SELECT p.id, 'person ' || p.id AS word FROM person p
        WHERE p.name IS NULL AND p.birth_date IS NULL
            AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
            AND NOT EXISTS (
                SELECT FROM training_session t WHERE t.pack = p.pack AND t.status <> 'completed'
                    AND t.created_at >= p.created_at
            )
        """,
    ),
    RowCheck(
        DamageKind.VERDICT_WITH_PERSON,
        """
        SELECT id, 'face ' || id AS word FROM face
        WHERE verdict IS NOT NULL AND person_id IS NOT NULL
        """,
    ),
    RowCheck(
        DamageKind.FACE_OF_OTHER_PACK,
        """
        SELECT f.id, 'face ' || f.id AS word FROM face f JOIN person p ON p.id = f.person_id
        WHERE p.pack <> f.pack
        """,
    ),
    # Faces that only a user or another program knows may be missing from the count.
    RowCheck(
        DamageKind.FACE_COUNT,
        """
        SELECT d.image_id AS id, 'photo ' || d.image_id AS word FROM detection d
        LEFT JOIN (
            SELECT image_id, pack, count(*) AS faces, count(embedding) AS found
            FROM face GROUP BY image_id, pack
        ) f ON f.image_id = d.image_id AND f.pack = d.pack
        WHERE d.faces < coalesce(f.found, 0) OR d.faces > coalesce(f.faces, 0)
        """,
    ),
    RowCheck(DamageKind.VECTOR, VECTOR_DAMAGE),
    RowCheck(
        DamageKind.THUMBNAIL,
        f"SELECT id, 'photo ' || id AS word FROM image WHERE {_is_cut('thumbnail')}",
    ),
    RowCheck(
        DamageKind.CROP,
        f"""
        SELECT id, 'face ' || id AS word FROM face
        WHERE embedding IS NOT NULL AND {_is_cut("crop")}
        """,
    ),
)

_NAMED = text(
    "SELECT id, name, name_key FROM person WHERE name IS NOT NULL OR name_key IS NOT NULL"
)

_REFERENCES = text(
    """
    SELECT c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent,
        (SELECT attname::text FROM pg_attribute WHERE attrelid = c.conrelid
            AND attnum = c.conkey[1]) AS child_column,
        (SELECT attname::text FROM pg_attribute WHERE attrelid = c.confrelid
            AND attnum = c.confkey[1]) AS parent_column
    FROM pg_constraint c
    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
        AND cardinality(c.conkey) = 1
    ORDER BY c.conname
    """
)
_UNCHECKED = text(
    """
    SELECT conrelid::regclass::text || '.' || conname AS word FROM pg_constraint
    WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
    UNION ALL
    SELECT tgrelid::regclass::text || '.' || tgname FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND tgenabled <> 'O'
    """
)
_NUMBERED = text(
    """
    SELECT c.relname::text AS name, a.attname::text AS column_name,
        pg_get_serial_sequence(quote_ident(c.relname), a.attname) AS sequence
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attidentity <> ''
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2
    """
)


def find_row_damage(db: Session) -> Iterator[Damage]:
    """Yield the result of every query, including empty ones; a table may be unreadable."""
    for check in ROW_CHECKS:
        yield from guarded(db, check.kind.value, partial(_run, check))
    yield from guarded(db, "person", find_wrong_name_keys)
    yield from find_dangling(db)
    yield find_unchecked(db)
    yield find_numbers_used(db)


def guarded(db: Session, what: str, work: Callable[[Session], Damage]) -> Iterator[Damage]:
    """Yield the result of `work`, or damage if PostgreSQL cannot read the rows that it needs.

    An unreachable database is not damage, so its error is raised.
    """
    try:
        with db.begin_nested():
            yield work(db)
    except DBAPIError as error:
        if find_outage(db.get_bind().engine.url, error) is not None:
            raise
        reason = str(error.orig).strip().partition("\n")[0]
        yield Damage(DamageKind.UNREADABLE, 1, (f"{what}: {reason}",))


def _run(check: RowCheck, db: Session) -> Damage:
    rows = db.execute(text(f"{check.query} LIMIT {MOST_KEYS}")).all()
    words = tuple(str(row.word) for row in rows[:EXAMPLES])
    return Damage(check.kind, len(rows), words, tuple(row.id for row in rows))


def find_wrong_name_keys(db: Session) -> Damage:
    """Return the people whose key is not the folded form of their name (fold_name)."""
    wrong = [
        row.id
        for row in db.execute(_NAMED)
        if row.name_key != (None if row.name is None else fold_name(row.name))
    ]
    words = tuple(f"person {one}" for one in wrong[:EXAMPLES])
    return Damage(DamageKind.NAME_KEY, len(wrong), words, tuple(wrong))


def find_dangling(db: Session) -> Iterator[Damage]:
    """Yield the rows that violate a foreign key, for example after a disk lost an index or a row.

    Columns of the undo log without a foreign key may refer to deleted people.
    """
    for key in db.execute(_REFERENCES).all():
        place = f"{key.child}.{key.child_column}"
        query = text(
            f"SELECT count(*) FROM {key.child} c WHERE c.{key.child_column} IS NOT NULL"
            f" AND NOT EXISTS (SELECT FROM {key.parent} p"
            f" WHERE p.{key.parent_column} = c.{key.child_column})"
        )
        yield from guarded(db, place, partial(_count_dangling, query, place))


def _count_dangling(query: TextClause, place: str, db: Session) -> Damage:
    return Damage(DamageKind.DANGLING, int(db.execute(query).scalar_one()), (place,))


def find_unchecked(db: Session) -> Damage:
    """Return the constraints that PostgreSQL does not enforce, or has not checked for all rows."""
    words = tuple(db.execute(_UNCHECKED).scalars())
    return Damage(DamageKind.UNCHECKED, len(words), words[:EXAMPLES])


def find_numbers_used(db: Session) -> Damage:
    """Return the tables whose next id is already used by a row."""
    behind = [table for table, _, _ in list_numbers_used(db)]
    return Damage(DamageKind.NUMBERS_USED, len(behind), tuple(behind[:EXAMPLES]))


def list_numbers_used(db: Session) -> list[tuple[str, str, str]]:
    """Return the tables whose next id is used already, with the id column and its sequence."""
    return [
        (row.name, row.column_name, row.sequence)
        for row in db.execute(_NUMBERED).all()
        if _is_behind(db, row)
    ]


def _is_behind(db: Session, row: Row[Any]) -> bool:
    newest = f"SELECT coalesce(max({row.column_name}), 0) FROM {row.name}"
    last = f"SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {row.sequence}"
    return bool(db.execute(text(f"SELECT ({newest}) > ({last})")).scalar())

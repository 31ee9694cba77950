"""Writes the rows of a database as a dump for tests/postgres/dumps.

    python -m tests.write_dump REVISION [--add FILE.sql] > tests/postgres/dumps/REVISION.sql

takes the newest dump there is, upgrades it to the revision, adds the rows of the file (those of
new tables and columns), and prints all rows of all tables as INSERT statements. It may contain
invented photos and people only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from psycopg import sql
from sqlalchemy import text

from cluster.store.database.copying import driver_connection
from cluster.store.database.engine import Db, begin, build_engine
from cluster.store.database.schema import upgrade_schema
from cluster.store.database.tables import Table
from cluster.store.server.embedded import start_embedded, stop_embedded

DUMPS = Path(__file__).parent / "postgres" / "dumps"
LATE = ("cover_face_id",)
"""Columns that refer to rows of a table that is filled later."""


def main(arguments: list[str] | None = None) -> int:
    """Write the dump to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--add", type=Path)
    options = parser.parse_args(arguments)
    newest = max(path.stem for path in DUMPS.glob("*.sql") if path.stem < options.revision)
    with tempfile.TemporaryDirectory(prefix="headcount-dump-") as folder:
        engine = build_engine(start_embedded(Path(folder)))
        try:
            upgrade_schema(engine, to=newest)
            run_file(engine, DUMPS / f"{newest}.sql")
            upgrade_schema(engine, to=options.revision)
            if options.add is not None:
                run_file(engine, options.add)
            with begin(engine) as db:
                sys.stdout.write("\n".join(write(db, after=newest, revision=options.revision)))
        finally:
            engine.dispose()
            stop_embedded(Path(folder))
    return 0


def run_file(engine: object, file: Path) -> None:
    """Run the statements of a file."""
    with begin(engine) as db:  # type: ignore[arg-type]
        driver_connection(db).execute(file.read_bytes())


def write(db: Db, *, after: str, revision: str) -> list[str]:
    """Return the lines of the dump: rows in the order of references, late columns, sequences."""
    lines = [f"-- The database of {after}.sql as revision {revision} keeps it."]
    late: list[str] = []
    for table in (one.name for one in Table.metadata.sorted_tables):
        columns = list_columns(db, table)
        for row in db.execute(text(f"SELECT {', '.join(map(as_text, columns))} FROM {table}")):
            values = dict(zip(columns, row, strict=True))
            for column in set(LATE) & set(columns):
                if table == "person" and values[column] is not None:
                    late.append(
                        f"UPDATE person SET {column} = {values[column]} WHERE id = {values['id']};"
                    )
                    values[column] = None
            literals = ", ".join(literal(value) for value in values.values())
            lines.append(
                f"INSERT INTO {table} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE"
                f" VALUES ({literals});"
            )
    numbers = db.execute(
        text("SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL")
    )
    sets = sorted(f"SELECT setval('{name}', {last});" for name, last in numbers)
    return [*lines, *late, *sets, ""]


def list_columns(db: Db, table: str) -> list[str]:
    """Return the names of a table's columns, in their order."""
    query = text(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = :table ORDER BY ordinal_position"
    )
    return list(db.execute(query, {"table": table}).scalars())


def as_text(column: str) -> str:
    """Return the expression of a column as text."""
    return f'"{column}"::text'


def literal(value: str | None) -> str:
    """Return a text as a literal, or NULL."""
    return "NULL" if value is None else sql.Literal(value).as_string()


if __name__ == "__main__":
    sys.exit(main())

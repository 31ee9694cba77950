"""Measures the time and the memory of an export and an import of decisions.

A generated library of photos and faces, all in people with names, is exported, imported into the
same photos without people, and imported again. The baseline is a `COPY` of the same faces.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from cluster.store.database.copying import driver_connection
from cluster.store.database.engine import begin, build_engine
from cluster.store.database.schema import upgrade_schema
from cluster.store.decisions.decision_reading import read_decisions
from cluster.store.decisions.decision_writing import begin_export, write_decisions
from cluster.store.decisions.importing import import_decisions, place_kept
from cluster.store.server.embedded import start_embedded, stop_embedded

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

_PHOTOS = text(
    """
    INSERT INTO image (content, orientation, width, height, phash, dhash, thumbnail)
    SELECT sha256(n::text::bytea), 1, 4000, 3000, n, '', '' FROM generate_series(1, :photos) n
    """
)
_FILES = text(
    """
    INSERT INTO file (path, path_sha256, size, is_read, sha256, image_id)
    SELECT '/photos/' || id || '.jpg', sha256(id::text::bytea), id, true, sha256(content), id
    FROM image
    """
)
_FACES = text(
    """
    INSERT INTO face (image_id, pack, box_left, box_top, box_right, box_bottom, landmarks, score,
        quality, crop)
    SELECT i.id, 'bundled', 10 + 300 * k, 10, 200 + 300 * k, 200, '{}', 1, 1, ''
    FROM image i, generate_series(0, :each - 1) k
    """
)
_PEOPLE = text(
    """
    INSERT INTO person (pack, name, name_key, created_at, updated_at)
    SELECT 'bundled', 'Person ' || n, 'person ' || n, now(), now()
    FROM generate_series(1, :people) n
    """
)
_GROUP = text(
    """
    UPDATE face SET person_id = (SELECT min(id) FROM person) + id % :people,
        placed_by_user = id % 3 = 0, placed_at = CASE WHEN id % 3 = 0 THEN now() END
    """
)
_FORGET = text("UPDATE face SET person_id = NULL, placed_by_user = false, placed_at = NULL")
_COPY = b"COPY (SELECT id, image_id, box_left, box_top, box_right, box_bottom, person_id FROM face)"


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print a line for each step, or one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.decisions", description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--each", type=int, default=2, help="faces in a photo")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        engine = build_engine(start_embedded(place))
        try:
            figures = measure(engine, place / "export.json", options)
        finally:
            engine.dispose()
            stop_embedded(place)
    for step, figure in figures.items():
        print(f"{step:32} {figure:12,.1f}")
    if options.json:
        print(json.dumps(figures))
    return 0


def measure(engine: Engine, file: Path, options: argparse.Namespace) -> dict[str, float]:
    """Return the seconds of each step, the size of the file, and the peak of memory in MB."""
    upgrade_schema(engine)
    fill(engine, options)
    figures = {"COPY of the faces, s": seconds(lambda: copy_faces(engine))}
    figures["export, s"] = seconds(lambda: export(engine, file))
    figures["file, MB"] = file.stat().st_size / 1e6
    figures["memory before imports, MB"] = peak_mb()
    with begin(engine) as db:
        db.execute(_FORGET)
        db.execute(text("DELETE FROM person"))
    figures["import after indexing, s"] = seconds(lambda: import_file(engine, file))
    figures["the same again, s"] = seconds(lambda: import_file(engine, file))
    with begin(engine) as db:
        db.execute(text("TRUNCATE image, file, face, person CASCADE"))
    figures["import before indexing, s"] = seconds(lambda: import_file(engine, file))
    fill(engine, options, with_people=False)
    figures["placing what waited, s"] = seconds(lambda: place(engine))
    figures["memory at the end, MB"] = peak_mb()
    return figures


def fill(engine: Engine, options: argparse.Namespace, *, with_people: bool = True) -> None:
    """Fill the library; without `with_people`, all faces are ungrouped."""
    key = {"photos": options.faces // options.each, "each": options.each, "people": options.people}
    statements = [_PHOTOS, _FILES, _FACES, *([_PEOPLE, _GROUP] if with_people else [])]
    with begin(engine) as db:
        for statement in statements:
            names = statement.compile().params
            db.execute(statement, {name: key[name] for name in names})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def seconds(work: Callable[[], Any]) -> float:
    """Return how long `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def copy_faces(engine: Engine) -> int:
    """Copy the faces to memory: the lower bound for the cost of an export. Return the bytes."""
    stream = io.BytesIO()
    with begin(engine) as db, driver_connection(db).cursor().copy(_COPY + b" TO STDOUT") as copy:
        for block in copy:
            stream.write(block)
    return stream.tell()


def export(engine: Engine, file: Path) -> None:
    """Export to a file."""
    with begin_export(engine) as db, file.open("wb") as stream:
        write_decisions(db, stream, now=NOW)


def import_file(engine: Engine, file: Path) -> None:
    """Import a file."""
    with file.open("rb") as stream, begin(engine) as db:
        import_decisions(db, read_decisions(stream), source=file.name, now=NOW)


def place(engine: Engine) -> None:
    """Place the kept decisions."""
    with begin(engine) as db:
        place_kept(db, now=NOW)


def peak_mb() -> float:
    """Return the peak resident memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    sys.exit(main())

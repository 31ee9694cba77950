"""Measures how long it takes to find the photos of people, and to load a person's page.

    python -m bench.finding [--faces N] [--people N] [--rounds N] [--json]

The rows are generated in a temporary database: no picture is read. Half of the faces belong to an
eighth of the people, as in a family's library, and one of ten photos has a copy. The baseline reads
every face of the pack and keeps the matching photos, in the same database in the same run. The
output is in milliseconds: the fastest round, because other work on the machine can only slow rounds
down, and the median.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.people import PhotoMatch
from cluster.settings import load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.people.people_list import get_person
from cluster.store.photos.people_photos import page_photos
from cluster.store.photos.person_history import get_history
from jobs.running.runtime import open_database

PACK = "made"
FACES_PER_PHOTO = 2.5
UNGROUPED = 0.15
PAGE = 60
TARGET_MS = 50.0

_PEOPLE = """
    INSERT INTO person (pack, created_at, updated_at)
    SELECT :pack, now(), now() FROM generate_series(1, :people)
    """
_PHOTOS = """
    INSERT INTO image (width, height, taken_at, phash, dhash, blocks, thumbnail)
    SELECT 4000, 3000, timestamp '2005-01-01' + n * interval '90 minutes', 0, '',
        noise.bytes, noise.bytes || noise.bytes
    FROM generate_series(1, :photos) n CROSS JOIN LATERAL (
        SELECT string_agg(sha256(convert_to(n || ' ' || part, 'UTF8')), '') AS bytes
        FROM generate_series(1, 81) part
    ) noise
    """
_COPIES = """
    INSERT INTO image (width, height, phash, dhash, thumbnail, duplicate_of)
    SELECT 2000, 1500, 0, '', 't', id FROM image WHERE id % 10 = 0
    """
_FILES = """
    INSERT INTO file (path, path_sha256, is_read, sha256, image_id)
    SELECT '/photos/' || id || '.jpg', sha256(convert_to(id::text, 'UTF8')), true,
        sha256(convert_to(id::text, 'UTF8')), id
    FROM image
    """
# The cube of a random number prefers the first people, so they are in many photos.
_FACES = """
    INSERT INTO face (image_id, pack, box_left, box_top, box_right, box_bottom, landmarks, score,
        quality, sharpness, embedding, crop, person_id)
    SELECT 1 + floor(random() * :photos), :pack, 0, 0, 100, 100, ARRAY[1, 2, 3, 4, 5]::real[], 0.9,
        random(), random(), '[1, 0, 0]', convert_to(repeat('c', 60), 'UTF8'),
        CASE WHEN random() > :ungrouped THEN 1 + floor(:people * power(random(), 3)) END
    FROM generate_series(1, :faces)
    """
_BASELINE = text(
    """
    SELECT image_id FROM face WHERE pack = :pack GROUP BY image_id
    HAVING array_agg(person_id) @> CAST(:ids AS bigint[])
    """
)


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--photos", help="not used")
    parser.add_argument("--pack", help="not used")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        settings = load_settings(options={"data_dir": Path(folder)})
        with open_database(settings) as (_, engine):
            fill(engine, faces=options.faces, people=options.people)
            figures = measure(engine, people=options.people, rounds=options.rounds)
    print(f"{'milliseconds':<36}{'fastest':>10}{'median':>10}")
    for name, times in figures.items():
        print(f"{name:<36}{times['fastest']:10.1f}{times['median']:10.1f}")
    slowest = max(times["fastest"] for name, times in figures.items() if "_of_" in name)
    print(f"the slowest page of photos took {slowest:.1f} ms (target: {TARGET_MS:.0f})")
    if options.json:
        print(json.dumps({"faces": options.faces, "target_ms": TARGET_MS, "ms": figures}))


def fill(engine: Engine, *, faces: int, people: int) -> None:
    """Make the rows, and run VACUUM ANALYZE, as autovacuum does a few minutes after a session."""
    key = {
        "pack": PACK,
        "faces": faces,
        "people": people,
        "photos": round(faces / FACES_PER_PHOTO),
        "ungrouped": UNGROUPED,
    }
    with begin(engine) as db:
        db.execute(text("SELECT setseed(0.5)"))
        for statement in (_PEOPLE, _PHOTOS, _COPIES, _FILES, _FACES):
            db.execute(text(statement), key)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM ANALYZE"))


def measure(engine: Engine, *, people: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the milliseconds of each query; the first people are in the most photos."""
    chosen = {"2_frequent": [1, 2], "2_rare": [people - 1, people], "10": list(range(1, 11))}
    chosen["50"] = list(range(1, 51))
    questions: dict[str, Callable[[Session], object]] = {}
    for name, ids in chosen.items():
        for match in PhotoMatch:
            questions[f"{match}_of_{name}"] = ask(ids, match)
    questions["summary"] = lambda db: get_history(db, 1)
    questions["person_with_cover"] = lambda db: get_person(db, 1)
    questions["baseline"] = read_every_face
    return {name: clock(engine, work, rounds) for name, work in questions.items()}


def ask(ids: list[int], match: PhotoMatch) -> Callable[[Session], object]:
    """Return the query for the first page of the photos of these people."""
    return lambda db: page_photos(db, ids, match=match, limit=PAGE)


def read_every_face(db: Session) -> object:
    """Find the photos of two people without an index."""
    return db.execute(_BASELINE, {"pack": PACK, "ids": [1, 2]}).all()


def clock(engine: Engine, work: Callable[[Session], object], rounds: int) -> dict[str, float]:
    """Return the times of `work` in milliseconds, after one round that is not counted."""
    times = []
    for _ in range(rounds + 1):
        with begin(engine) as db:
            started = time.perf_counter()
            work(db)
            times.append(1000 * (time.perf_counter() - started))
    return {"fastest": min(times[1:]), "median": statistics.median(times[1:])}


if __name__ == "__main__":
    main()

"""Measures how long a backup with its proof takes, and a restore, for a library of many faces.

    python -m bench.backup [--faces N] [--people N] [--json]

The rows are generated in a temporary library: vectors of 512 dimensions, crops and thumbnails of
the usual sizes, and names. The baseline copies the rows of all tables into one file, without a
proof. The output is in seconds and megabytes, for both kinds of backup.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from cluster.core.decisions.backups import BackupKind, BackupReason
from cluster.settings import load_settings
from cluster.store.backups.making import Wanted, make_backup
from cluster.store.backups.restoring import restore_backup
from cluster.store.backups.table_copies import copy_out, list_tables, reading
from cluster.store.database.engine import Engine, begin
from jobs.running.runtime import open_database

PACK = "made"
FACES_PER_PHOTO = 2.5
TARGET_S = 300.0

_NOISE = """
    SELECT string_agg(sha256(convert_to(n || ' ' || part, 'UTF8')), '') AS bytes
    FROM generate_series(1, {}) part
    """
_PEOPLE = """
    INSERT INTO person (pack, name, name_key, created_at, updated_at)
    SELECT :pack, 'Person ' || n, 'person ' || n, now(), now() FROM generate_series(1, :people) n
    """
_PHOTOS = f"""
    INSERT INTO image (width, height, phash, dhash, content, blocks, thumbnail)
    SELECT 4000, 3000, n, '', sha256(convert_to(n::text, 'UTF8')), '', noise.bytes
    FROM generate_series(1, :photos) n CROSS JOIN LATERAL ({_NOISE.format(160)}) noise
    """
_FILES = """
    INSERT INTO file (path, path_sha256, is_read, sha256, image_id)
    SELECT '/photos/' || id || '.jpg', sha256(convert_to(id::text, 'UTF8')), true,
        sha256(convert_to(id::text, 'UTF8')), id
    FROM image
    """
_FACES = f"""
    INSERT INTO face (image_id, pack, box_left, box_top, box_right, box_bottom, landmarks, score,
        quality, sharpness, embedding, crop, person_id, placed_by_user, placed_at)
    SELECT 1 + n % :photos, :pack, 200 * (n / :photos), 0, 200 * (n / :photos) + 150, 200,
        ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]::real[], 0.9, random(), random(), vectors.one,
        noise.bytes, 1 + n % :people, n % 10 = 0, now()
    FROM generate_series(0, :faces - 1) n CROSS JOIN LATERAL ({_NOISE.format(96)}) noise
    CROSS JOIN LATERAL (
        SELECT array_agg(sin(n * 513.0 + part))::real[]::vector AS one
        FROM generate_series(1, 512) part
    ) vectors
    """


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.backup", description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        settings = load_settings(options={"data_dir": Path(folder) / "data", "database_url": None})
        with open_database(settings) as (_, engine):
            fill(engine, faces=options.faces, people=options.people)
            found = measure(engine, Path(folder))
    found["faces"] = options.faces
    for name, value in found.items():
        print(f"{name:<24}{value:>12,.1f}")
    if options.json:
        print(json.dumps(found))


def fill(engine: Engine, *, faces: int, people: int) -> None:
    """Make a library with this number of faces and people."""
    values = {
        "pack": PACK,
        "faces": faces,
        "people": people,
        "photos": max(1, int(faces / FACES_PER_PHOTO)),
    }
    for statement in (_PEOPLE, _PHOTOS, _FILES, _FACES):
        with begin(engine) as db:
            db.execute(text(statement), values)
    with begin(engine) as db:
        db.execute(text("ANALYZE"))


def measure(engine: Engine, folder: Path) -> dict[str, float]:
    """Return the seconds of each step and the megabytes of each file."""
    found: dict[str, float] = {}
    began = time.perf_counter()
    found["plain_copy_mb"] = copy_plainly(engine, folder / "plain") / 1e6
    found["plain_copy_s"] = time.perf_counter() - began
    for kind in (BackupKind.DECISIONS, BackupKind.EVERYTHING):
        wanted = Wanted(
            folder=folder / "backups",
            kind=kind,
            reason=BackupReason.ASKED,
            now=datetime.now(UTC),
            keep=14,
        )
        began = time.perf_counter()
        made = make_backup(engine, wanted)
        found[f"{kind}_s"] = time.perf_counter() - began
        found[f"{kind}_mb"] = made.bytes / 1e6
        began = time.perf_counter()
        restore_backup(engine, made.file, wanted)
        found[f"{kind}_restore_s"] = time.perf_counter() - began
    return found


def copy_plainly(engine: Engine, file: Path) -> int:
    """Copy the rows of all tables into a file, and return its size."""
    with file.open("wb") as target, reading(engine) as connection:
        for shape in list_tables(connection):
            copy_out(connection, shape, target.write)
    return file.stat().st_size


if __name__ == "__main__":
    main()

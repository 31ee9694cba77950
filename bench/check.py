"""Measures how long a check of a library takes.

    python -m bench.check [--sizes N ...] [--json]

The rows are generated in a temporary database: photos with one file each on the disk, thumbnails of
8 kB, 1.5 faces per photo with vectors of 512 numbers, and two sessions over all photos. The
baseline reads all rows of all tables once by COPY, from the same database in the same run.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import text

from cluster.core.damage import describe_damage
from cluster.settings import Settings, load_settings
from cluster.store.database.copying import Staging, driver_connection
from cluster.store.database.engine import Engine, begin
from jobs.library_check import check_library
from jobs.running.runtime import open_database

PACK = "made"
FACES_PER_PHOTO = 1.5
PEOPLE = 200
IN_A_FOLDER = 500

_PATHS = Staging("made_path", (("id", "int8"), ("path", "text"), ("modified_ns", "int8")))

_ROWS = (
    "INSERT INTO library (root, root_sha256) VALUES (:root, sha256(convert_to(:root, 'UTF8')))",
    """
    INSERT INTO person (pack, created_at, updated_at)
    SELECT :pack, now(), now() FROM generate_series(1, :people)
    """,
    """
    INSERT INTO image (width, height, phash, dhash, blocks, thumbnail, content)
    SELECT 4000, 3000, n * 7919, '', '', :thumbnail, sha256(convert_to(n::text, 'UTF8'))
    FROM generate_series(1, :photos) n
    """,
    """
    INSERT INTO file (path, path_sha256, size, modified_ns, is_read, sha256, image_id)
    SELECT path, sha256(convert_to(path, 'UTF8')), 0, modified_ns, true,
        sha256(convert_to(path, 'UTF8')), id
    FROM made_path
    """,
    """
    INSERT INTO training_session (library_id, root, pack, status, options, created_at)
    SELECT 1, :root, :pack, 'completed', '{}', now() FROM generate_series(1, 2)
    """,
    """
    INSERT INTO session_phase (session_id, phase, status, discovering, total, processed)
    SELECT t.id, phase, 'completed', false, total, total FROM training_session t CROSS JOIN (
        VALUES ('training', :photos), ('face_detection', :photos), ('clustering', 0)
    ) AS p (phase, total)
    """,
    """
    INSERT INTO session_item (session_id, file_id, training_state, detection_state)
    SELECT t.id, f.id, 'processed', 'processed' FROM training_session t CROSS JOIN file f
    """,
    """
    INSERT INTO face (image_id, pack, box_left, box_top, box_right, box_bottom, landmarks, score,
        quality, embedding, crop, person_id)
    SELECT 1 + n % :photos, :pack, 0, 0, 100, 100, ARRAY[1, 2, 3]::real[], 0.9, 0.8,
        CAST(:vector AS vector), :crop, 1 + n % :people
    FROM generate_series(1, :faces) n
    """,
    """
    INSERT INTO detection (image_id, pack, faces, detected_at)
    SELECT image_id, :pack, count(*), now() FROM face GROUP BY image_id
    """,
)


def main() -> None:
    """Measure each size, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--photos", help="not used")
    parser.add_argument("--pack", help="not used")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    figures = [measure(size) for size in options.sizes]
    for one in figures:
        print(
            f"{one['photos']:>9,.0f} photos: checked in {one['check_s']:.1f} s; all rows were read "
            f"by COPY in {one['baseline_s']:.1f} s"
        )
    if options.json:
        print(json.dumps({"checks": figures}))


def measure(photos: int) -> dict[str, float]:
    """Return the seconds of a check and of the baseline for this number of photos."""
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        settings = load_settings(options={"data_dir": Path(folder) / "data"})
        with open_database(settings) as (_, engine):
            fill(engine, Path(folder) / "photos", photos=photos)
            baseline_s = read_all(engine)
            check_s = check(engine, settings)
    return {"photos": photos, "check_s": check_s, "baseline_s": baseline_s}


def fill(engine: Engine, root: Path, *, photos: int) -> None:
    """Make the files and the rows, and run VACUUM ANALYZE, as autovacuum does after a session."""
    rng = np.random.default_rng(1)
    vector = rng.normal(size=512)
    key = {
        "root": str(root),
        "pack": PACK,
        "photos": photos,
        "people": PEOPLE,
        "faces": round(FACES_PER_PHOTO * photos),
        "thumbnail": draw(rng, side=110),
        "crop": draw(rng, side=80),
        "vector": str((vector / np.linalg.norm(vector)).tolist()),
    }
    with begin(engine) as db:
        _PATHS.fill(db, make_files(root, photos))
        for statement in _ROWS:
            db.execute(text(statement), key)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM ANALYZE"))


def make_files(root: Path, photos: int) -> list[tuple[int, str, int]]:
    """Make empty files; return their numbers, paths and times in nanoseconds."""
    made = []
    for number in range(1, photos + 1):
        folder = root / str(number // IN_A_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.md5(str(number).encode()).hexdigest()}.jpg"
        path.touch()
        made.append((number, str(path), path.stat().st_mtime_ns))
    return made


def draw(rng: np.random.Generator, *, side: int) -> bytes:
    """Return a JPEG of noise, which does not compress."""
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (side, side, 3), np.uint8)).save(out, "JPEG", quality=60)
    return out.getvalue()


def read_all(engine: Engine) -> float:
    """Return the seconds that reading all rows of all tables takes."""
    started = time.perf_counter()
    with begin(engine) as db:
        tables = db.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        for table in list(tables.scalars()):
            statement = f"COPY {table} TO STDOUT (FORMAT BINARY)".encode()
            with driver_connection(db).cursor().copy(statement) as copy:
                for _ in copy:
                    pass
    return time.perf_counter() - started


def check(engine: Engine, settings: Settings) -> float:
    """Return the seconds of a check, which must find no damage."""
    started = time.perf_counter()
    report = check_library(engine, settings)
    seconds = time.perf_counter() - started
    if not report.is_fine:
        raise SystemExit("; ".join(describe_damage(one) for one in report.damage))
    print(f"examined {dict(report.examined)}; {'; '.join(report.notes)}")
    return seconds


if __name__ == "__main__":
    main()

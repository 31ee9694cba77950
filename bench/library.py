"""Measures sessions over an unchanged, touched or renamed library, compared with the first session.

    python -m bench.library --photos 10000|DIR --pack FOLDER [--limit N] [--json]

The first session over the library is the baseline; the others follow it on the same runtime. Times
are from startedAt to completedAt of the session. A number for --photos generates that many small
photos (bench/made_photos.py); a folder is copied. Touched: every file has a new modification time.
Renamed: the folder of all photos has a new name.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.libraries import list_photos
from bench.made_photos import make_photos
from bench.session import open_headcount, run_one
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import Engine, begin
from cluster.store.sessions.phase_rows import get_snapshots
from cluster.store.sessions.session_rows import get_session

TARGETS = {"unchanged": 0.05, "touched": 0.35, "renamed": 0.20}
"""The targets, as shares of the first session's time."""


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", default="10000", help="a number to generate, or a folder")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--limit", type=int, help="the maximum number of photos of a folder")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        library = Path(folder) / "library"
        fill_library(library / "photos", options.photos, limit=options.limit)
        looks = measure(library, Path(folder) / "data", options.pack)
    report(looks, as_json=options.json)


def fill_library(target: Path, photos: str, *, limit: int | None) -> None:
    """Generate photos if `photos` is a number; otherwise copy those of the folder `photos`."""
    target.mkdir(parents=True)
    if photos.isdigit():
        make_photos(int(photos), target)
        return
    for number, path in enumerate(list_photos(photos, limit=limit)):
        shutil.copy2(path, target / f"{number:06d}{os.path.splitext(path)[1]}")


def touch_files(photos: Path) -> None:
    """Give every file a new modification time."""
    now = time.time()
    for folder, _, names in os.walk(photos):
        for name in names:
            os.utime(os.path.join(folder, name), (now, now))


def rename_folder(photos: Path) -> None:
    """Rename the folder of all photos."""
    photos.rename(photos.with_name("renamed"))


CHANGES: Mapping[str, Callable[[Path], object]] = {
    "first": lambda photos: None,
    "unchanged": lambda photos: None,
    "touched": touch_files,
    "renamed": rename_folder,
}

Look = dict[str, float]
"""The seconds of a session and of its phases, and the photos that it had and searched for faces."""


def measure(library: Path, data_dir: Path, pack: str) -> dict[str, Look]:
    """Run a session after each change, and return the result of each."""
    looks = {}
    with open_headcount(data_dir, pack) as (runtime, found):
        for name, change in CHANGES.items():
            change(library / "photos")
            session_id = run_one(runtime, found, library)
            looks[name] = read_look(runtime.engine, session_id)
            print(name, looks[name], flush=True)
    return looks


def read_look(engine: Engine, session_id: int) -> Look:
    """Return the result of a session, from its rows."""
    with begin(engine) as db:
        session = get_session(db, session_id)
        phases = get_snapshots(db, session_id)
    assert session.started_at and session.completed_at
    look = {"seconds": (session.completed_at - session.started_at).total_seconds()}
    for phase in phases:
        assert phase.started_at and phase.completed_at
        look[phase.name.value] = (phase.completed_at - phase.started_at).total_seconds()
    counts = {phase.name: phase.counts for phase in phases}
    look["photos"] = counts[PhaseName.TRAINING].total
    look["looked_at"] = counts[PhaseName.FACE_DETECTION].processed
    return look


def report(looks: Mapping[str, Look], *, as_json: bool) -> None:
    """Print the shares of the first session's time and their targets."""
    first = looks["first"]["seconds"]
    shares = {name: round(looks[name]["seconds"] / first, 4) for name in TARGETS}
    for name, share in shares.items():
        print(f"{name:<12}{share:8.1%} of the first session's {first:.1f} s", end="")
        print(f"  (target: {TARGETS[name]:.0%})")
    if as_json:
        print(json.dumps({"looks": looks, "shares": shares, "targets": TARGETS}))


if __name__ == "__main__":
    main()

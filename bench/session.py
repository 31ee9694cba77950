"""Measures photos per second of a whole session, compared with a plain InsightFace loop.

    python -m bench.session --photos DIR --pack FOLDER [--limit N] [--at-least 500] [--json]

Both run in the same minutes. The session's time is from its startedAt to its completedAt, with
discovery, hashing, duplicates, thumbnails, faces, database and clustering. Recall is the share of
the loop's faces that the session also found (boxes that overlap by half or more).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.baselines import LoopResult, run_insightface_loop
from bench.libraries import list_photos, make_library
from cluster.core.identity.faces import BoundingBox
from cluster.core.sessions import SessionStatus
from cluster.pipeline.run import run_session
from cluster.pipeline.workers import WorkerPool
from cluster.settings import load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.people.face_vectors import list_boxes
from cluster.store.sessions.session_locks import lock_session
from cluster.store.sessions.session_rows import get_session
from cluster.vision.packs.pack_files import Pack, resolve_pack
from jobs.running.plans import choose_session, make_plan
from jobs.running.runtime import Runtime, open_database, open_runtime

SAME_FACE = 0.5
MIN_FACE_PX = 20
"""Headcount's settings exclude smaller faces, so those of the loop are not counted either."""

Boxes = dict[str, list[BoundingBox]]


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    options = build_parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        library = Path(folder) / "library"
        library.mkdir()
        photos = list_photos(options.photos, limit=options.limit)
        paths = make_library(photos, library, at_least=options.at_least)
        seconds, boxes = run_headcount(
            library, Path(folder) / "data", options.pack, read=read_results
        )
        loop = run_insightface_loop(paths, options.pack, modules=["detection", "recognition"])
    report(len(paths), seconds, boxes, loop, as_json=options.json)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of photos")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--limit", type=int, help="the maximum number of photos")
    parser.add_argument("--at-least", type=int, default=500, help="add cropped variants up to this")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    return parser


Read = Callable[[Engine, int, str], Any]


def run_headcount(library: Path, data_dir: Path, pack_name: str, *, read: Read) -> Any:
    """Run one session with the default settings; return what `read` reads from the database."""
    with open_headcount(data_dir, pack_name) as (runtime, pack):
        return read(runtime.engine, run_one(runtime, pack, library), pack.name)


@contextmanager
def open_headcount(
    data_dir: Path, pack_name: str, **elsewhere: str
) -> Iterator[tuple[Runtime, Pack]]:
    """Provide a runtime with the default settings, and the pack of this name or folder.

    Ray and the database are started on this machine, unless settings in `elsewhere` name others.
    """
    options = {"data_dir": data_dir, "pack": pack_name, "serve_enabled": False, **elsewhere}
    settings = load_settings(options=options)
    pack = resolve_pack(settings.pack, models_dir=settings.models_dir)
    with (
        open_database(settings) as (url, engine),
        open_runtime(settings, url=url, engine=engine) as runtime,
    ):
        yield runtime, pack


def run_one(runtime: Runtime, pack: Pack, library: Path) -> int:
    """Run a complete session over the library and return its id."""
    engine, now = runtime.engine, datetime.now(UTC)
    session = choose_session(engine, root=str(library), name=None, resume=None, pack=pack, now=now)
    plan = make_plan(runtime, session, pack)
    pool = WorkerPool(plan)
    while not pool.wait_until_ready(timeout_s=1.0):
        pass
    with lock_session(engine, session.id) as lock:
        status = run_session(plan, pool, is_interrupted=lambda: False, lock=lock)
    assert status is SessionStatus.COMPLETED, status
    return session.id


def read_results(engine: Engine, session_id: int, pack: str) -> tuple[float, Boxes]:
    """Return a session's seconds and the boxes of its faces by path."""
    boxes: Boxes = defaultdict(list)
    with begin(engine) as db:
        session = get_session(db, session_id)
        for path, box, _ in list_boxes(db, pack=pack):
            boxes[path].append(box)
    assert session.started_at and session.completed_at
    return (session.completed_at - session.started_at).total_seconds(), boxes


def count_found(loop: LoopResult, boxes: Boxes, *, overlap: float) -> int:
    """Return the number of the loop's large faces that the session also found."""
    return sum(
        any(box.overlap(other) >= overlap for other in boxes.get(path, ()))
        for path, found in loop.boxes.items()
        for box in found
        if is_large(box)
    )


def is_large(box: BoundingBox) -> bool:
    """Tell whether a face is large enough to count."""
    return min(box.width, box.height) >= MIN_FACE_PX


def report(photos: int, seconds: float, boxes: Boxes, loop: LoopResult, *, as_json: bool) -> None:
    """Print the figures of the session and the loop, and their ratio."""
    found = sum(len(faces) for faces in boxes.values())
    shared = count_found(loop, boxes, overlap=SAME_FACE)
    wanted = sum(is_large(box) for found in loop.boxes.values() for box in found)
    figures = {
        "photos": photos,
        "headcount_photos_per_s": round(photos / seconds, 2),
        "loop_photos_per_s": round(photos / loop.seconds, 2),
        "times_faster": round(loop.seconds / seconds, 2),
        "headcount_faces": found,
        "loop_faces": wanted,
        "loop_faces_found_too": round(shared / wanted, 4) if wanted else None,
    }
    for name, value in figures.items():
        print(f"{name:<24}{value}")
    if as_json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Measures the cost of progress reports: the same photos with and without reports, alternately.

    python -m bench.progress_cost --photos DIR --pack FOLDER [--limit N] [--rounds N] [--json]

The loop is that of a detector actor, `Detection.detect_batch`, with the same models and batches. In
half of the rounds, its reports go to a real ProgressActor and its metrics to Ray; in the others,
they are dropped. Also printed: the CPU time of the ProgressActor as a share of the time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import ray

from bench.libraries import list_photos
from cluster.actors.detection import Detection
from cluster.core.metrics import Meter
from cluster.core.pictures.photos import Batch, Item, Settled
from cluster.core.progress import PhaseCounts
from cluster.ray_meter import RayMeter
from cluster.settings import load_settings
from cluster.store.database.engine import begin
from cluster.store.sessions.session_rows import create_session
from cluster.vision.packs.detector import DetectorOptions, load_detector
from cluster.vision.packs.pack_files import resolve_pack
from jobs.running.runtime import Runtime, open_database, open_runtime

BATCH = 16


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of photos")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--limit", type=int, default=200, help="photos in a round")
    parser.add_argument("--rounds", type=int, default=20, help="rounds, half of them with reports")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    paths = list_photos(options.photos, limit=options.limit)
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        settings = load_settings(options={"data_dir": Path(folder), "pack": options.pack})
        with (
            open_database(settings) as (url, engine),
            open_runtime(settings, url=url, engine=engine) as runtime,
        ):
            figures = compare(runtime, paths, options.pack, rounds=options.rounds)
    for name, value in figures.items():
        print(f"{name:<28}{value}")
    if options.json:
        print(json.dumps(figures))


def compare(runtime: Runtime, paths: list[str], pack: str, *, rounds: int) -> dict[str, Any]:
    """Run rounds with and without reports, alternately, and return the figures."""
    with begin(runtime.engine) as db:
        session = create_session(
            db, root="/", name=None, pack=pack, options={}, now=datetime.now(UTC)
        )
    detector = load_detector(resolve_pack(pack), DetectorOptions())
    numbers = itertools.count()

    def run(
        send: Callable[[Any], object], done: Callable[[Any], object], meter: Meter | None = None
    ) -> float:
        detection = Detection(
            detector=detector, settle=settle_nothing, send=send, done=done, meter=meter
        )
        started = time.perf_counter()
        for start in range(0, len(paths), BATCH):
            items = tuple(Item(i, path) for i, path in enumerate(paths[start : start + BATCH]))
            detection.detect_batch(Batch(session.id, 1, next(numbers), pack, items))
        return time.perf_counter() - started

    progress = runtime.progress
    ray.get(progress.ping.remote())
    actor = find_process("ray::ProgressActor")
    quiet, told, actor_cpu = [], [], 0.0
    run(ignore, ignore)
    for pair in range(rounds // 2):
        for is_told in (pair % 2 == 0, pair % 2 == 1):  # The order alternates.
            if not is_told:
                quiet.append(run(ignore, ignore))
                continue
            before = sum(actor.cpu_times()[:2])
            told.append(run(progress.in_flight.remote, progress.settled.remote, RayMeter()))
            actor_cpu += sum(actor.cpu_times()[:2]) - before
    # Compare rounds that follow each other: over minutes, the machine varies by more than the cost.
    cost = statistics.median(t / q for t, q in zip(told, quiet, strict=True)) - 1
    return {
        "photos_per_round": len(paths),
        "seconds_without_reports": round(statistics.median(quiet), 3),
        "seconds_with_reports": round(statistics.median(told), 3),
        "cost_percent": round(100 * cost, 2),
        "progress_actor_cpu_percent": round(100 * actor_cpu / sum(told), 2),
    }


def settle_nothing(batch: Batch, outcomes: object) -> Settled:
    """Replace the commit, which is the same with and without reports."""
    return Settled(batch.batch_id, PhaseCounts(total=1_000_000, processed=batch.batch_id * BATCH))


def ignore(_report: object) -> None:
    """Drop a report."""


def find_process(title: str) -> psutil.Process:
    """Return the Ray process whose command line contains `title`."""
    return next(
        process for process in psutil.process_iter() if title in " ".join(process.cmdline())
    )


if __name__ == "__main__":
    main()

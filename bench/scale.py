"""Measures the limit of the bookkeeping: photos per second with simulated, instant detectors.

    python -m bench.scale [--detectors 1,10,50,200] [--photos N] [--batch N] [--faces N] [--json]

Everything except the models is real: dispatching by the driver, batches as Ray calls, the loop of
the actor, reports to the ProgressActor, faces with vectors and crops by COPY, and commits in
PostgreSQL. Many simulated detectors share a process; each has its own loop, connection and place in
the queue.
Also printed: the CPU time per photo of the driver, the detectors (packing rows, reporting), the
ProgressActor and PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
import ray
from ray.actor import ActorHandle
from sqlalchemy import text

from cluster.actors.detection import Detected, Detection, commit_detection
from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.identity.thresholds import PackThresholds
from cluster.core.pictures.photos import Batch, FoundPhoto
from cluster.core.reports import report_interval_s
from cluster.core.sessions import Move, PhaseName
from cluster.core.steps import StepTimes
from cluster.pipeline.phases import PhotoWork, run_dispatcher
from cluster.pipeline.plan import Plan, WorkerOptions
from cluster.ray_meter import RayMeter
from cluster.settings import load_settings
from cluster.store.database.engine import begin, build_engine
from cluster.store.items.discovery import add_found
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import finish_discovery, start_phase
from cluster.store.sessions.session_locks import lock_session
from cluster.store.sessions.session_rows import SessionInfo, create_session, move_session
from cluster.tasks.clustering import ClusteringOptions
from cluster.tasks.ingest import ReadLimits
from cluster.vision.packs.detector import DetectorOptions, PreparedPhoto
from cluster.vision.packs.pack_files import BUNDLED, resolve_pack
from cluster.vision.packs.pack_thresholds import ARCFACE
from cluster.vision.photos.images import OpenedImage
from jobs.running.runtime import Runtime, open_database, open_runtime

HOSTS = 2
"""Processes that the simulated detectors share. A real detector has its own process."""

CROP_BYTES = 5_000
DIMENSIONS = 512
CHUNK = 5_000

TRAINED = """
    WITH made AS (
        INSERT INTO image (width, height, phash, dhash, thumbnail)
        SELECT 1, 1, file_id, '', '' FROM session_item WHERE session_id = :id
        RETURNING id, phash
    )
    UPDATE file SET image_id = made.id, is_read = true FROM made WHERE file.id = made.phash;
    UPDATE session_item SET training_state = 'processed' WHERE session_id = :id;
    UPDATE session_phase SET processed = total WHERE session_id = :id AND phase = 'training';
"""


def main() -> None:
    """Measure each number of detectors, print a table, and with --json end with one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", help="number of simulated photos", default="20000")
    parser.add_argument("--pack", help="not used: nothing is detected")
    parser.add_argument("--detectors", default="1,10,50,200", help="numbers of detectors")
    parser.add_argument("--batch", type=int, default=16, help="photos in a batch")
    parser.add_argument("--faces", type=int, default=1, help="faces in a photo")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    photos = int(options.photos) if options.photos.isdigit() else 20_000
    numbers = [int(number) for number in options.detectors.split(",")]
    with opened_runtime() as runtime:
        rows = [
            measure(runtime, n, photos=photos, batch=options.batch, faces=options.faces)
            for n in numbers
        ]
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    if options.json:
        print(json.dumps({"photos": photos, "batch": options.batch, "runs": rows}))


@contextmanager
def opened_runtime() -> Iterator[Runtime]:
    """Provide a local runtime with a new, empty database."""
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        options = {"data_dir": Path(folder), "pack": BUNDLED, "serve_enabled": False}
        settings = load_settings(options=options)
        with (
            open_database(settings) as (url, engine),
            open_runtime(settings, url=url, engine=engine) as runtime,
        ):
            yield runtime


def measure(
    runtime: Runtime, detectors: int, *, photos: int, batch: int, faces: int
) -> dict[str, Any]:
    """Run face detection over simulated photos and return the figures."""
    session = add_session(runtime, photos=photos)
    plan = make_plan(runtime, session, batch=batch)
    workers = SimulatedDetectors(plan, detectors, faces=faces)
    work = PhotoWork(plan, PhaseName.FACE_DETECTION, 1)
    pending = work.build_pending(batch)
    dispatcher = work.build_dispatcher(workers)  # type: ignore[arg-type]
    before = read_cpu(runtime, workers)
    started = time.perf_counter()
    with lock_session(runtime.engine, session.id):
        assert run_dispatcher(dispatcher, pending, lambda: False)
    seconds = time.perf_counter() - started
    after = read_cpu(runtime, workers)
    workers.stop()
    with begin(runtime.engine) as db:
        check_session(db, session.id)
    shares = {f"{name}_us": round(1e6 * (after[name] - before[name]) / photos) for name in after}
    return {"detectors": detectors, "photos_per_s": round(photos / seconds), **shares}


def add_session(runtime: Runtime, *, photos: int) -> SessionInfo:
    """Return a session whose photos have been trained."""
    now = datetime.now(UTC)
    with begin(runtime.engine) as db:
        session = create_session(db, root="/", name=None, pack=BUNDLED, options={}, now=now)
        move_session(db, session.id, Move.START, now=now)
        for start in range(0, photos, CHUNK):
            numbers = range(start, min(start + CHUNK, photos))
            found = [FoundPhoto(f"/{session.id}/{n}.jpg", 1, 1) for n in numbers]
            add_found(db, session.id, found, pack=BUNDLED)
        finish_discovery(db, session.id)
        for statement in TRAINED.split(";")[:3]:
            db.execute(text(statement), {"id": session.id})
        start_phase(db, session.id, PhaseName.FACE_DETECTION, now=now)
    ray.get(runtime.progress.reload.remote(session.id))
    return session


def make_plan(runtime: Runtime, session: SessionInfo, *, batch: int) -> Plan:
    """Return a plan for the bookkeeping; the limits and options of vision are not used."""
    return Plan(
        engine=runtime.engine,
        database_url=runtime.database_url,
        progress=runtime.progress,
        session_id=session.id,
        root=session.root,
        confined_to=None,
        pack=resolve_pack(BUNDLED),
        limits=ReadLimits(max_bytes=1, max_pixels=1, timeout_s=60.0),
        detector=DetectorOptions(),
        copies=None,
        workers=WorkerOptions(detection_batch=batch),
        clustering=ClusteringOptions(PackThresholds(ARCFACE, pack=BUNDLED, is_calibrated=True)),
    )


class InstantDetector:
    """A detector that finds the same faces in every photo and takes no time."""

    provider = "CPU"
    photos_at_once = 1

    def __init__(self, faces: int) -> None:
        random = np.random.default_rng(1)
        self._faces = tuple(make_face(random) for _ in range(faces))
        self._image = OpenedImage(np.zeros((1, 1, 3), np.uint8), 1, 1)
        self.times = StepTimes(time.perf_counter)

    def prepare(self, path: str) -> PreparedPhoto:
        """Return an empty photo without reading a file."""
        return PreparedPhoto(path, None, self._image)

    def detect(self, photos: Sequence[PreparedPhoto]) -> list[tuple[Face, ...]]:
        """Return the same faces for each photo."""
        return [self._faces for _ in photos]


def make_face(random: np.random.Generator) -> Face:
    """Return a face that is as large in the database as a real one."""
    vector = random.normal(size=DIMENSIONS).astype("<f4")
    return Face(
        box=BoundingBox(0, 0, 50, 50),
        landmarks=((0, 0),) * 5,
        score=0.9,
        quality=0.9,
        embedding=(vector / np.linalg.norm(vector)).astype("<f4").tobytes(),
        crop=random.bytes(CROP_BYTES),
    )


@ray.remote(num_cpus=0, max_concurrency=1000)
class DetectorHost:
    """Many detectors in one process, each with its own loop."""

    def __init__(self, count: int, faces: int, database_url: str, progress: ActorHandle) -> None:
        engine = build_engine(database_url, pool_size=min(2 * count, 40))
        self._detectors = [
            Detection(
                detector=InstantDetector(faces),  # type: ignore[arg-type]
                settle=partial(commit_detection, engine=engine),
                send=progress.in_flight.remote,
                done=progress.settled.remote,
                meter=RayMeter(),
                report_interval_s=report_interval_s(HOSTS * count),
            )
            for _ in range(count)
        ]

    def detect_batch(self, number: int, batch: Batch) -> Detected:
        """Process a batch with detector `number`."""
        return self._detectors[number].detect_batch(batch)


@dataclass(slots=True)
class Simulated:
    """One simulated detector: its host, its number there, and the number of its batches."""

    host: Any
    number: int
    held: int = 0


class SimulatedDetectors:
    """A pool of detectors like the pipeline's, with many detectors in each process."""

    def __init__(self, plan: Plan, count: int, *, faces: int) -> None:
        hosts = min(HOSTS, count)
        share = -(-count // hosts)
        self.hosts = [
            cast(Any, DetectorHost).remote(share, faces, plan.database_url, plan.progress)
            for _ in range(hosts)
        ]
        ray.get([host.__ray_ready__.remote() for host in self.hosts])
        self._detectors = [Simulated(self.hosts[n % hosts], n // hosts) for n in range(count)]
        self._holders: dict[ray.ObjectRef, Simulated] = {}

    def capacity(self) -> int:
        """Return the maximum number of batches in flight."""
        return 2 * len(self._detectors)

    def start(self, batch: Batch) -> ray.ObjectRef:
        """Start a batch on the detector with the fewest batches."""
        detector = min(self._detectors, key=lambda d: d.held)
        reference: ray.ObjectRef = detector.host.detect_batch.remote(detector.number, batch)
        detector.held += 1
        self._holders[reference] = detector
        return reference

    def finished(self, reference: ray.ObjectRef, answer: Detected | None) -> None:
        """Remove a finished batch from its detector."""
        self._holders.pop(reference).held -= 1

    def end(self, reference: ray.ObjectRef) -> None:
        """Do nothing, because simulated detectors never hang."""

    def stop(self) -> None:
        """Kill the processes."""
        for host in self.hosts:
            ray.kill(host)


def read_cpu(runtime: Runtime, workers: SimulatedDetectors) -> dict[str, float]:
    """Return the CPU seconds that each part of this run has spent so far."""
    hosts = ray.get([host.__ray_call__.remote(ask_pid) for host in workers.hosts])
    progress = ray.get(runtime.progress.__ray_call__.remote(ask_pid))
    server = psutil.Process(find_server_process(runtime))
    return {
        "driver": sum_cpu([psutil.Process()]),
        "detectors": sum_cpu([psutil.Process(pid) for pid in hosts]),
        "progress_actor": sum_cpu([psutil.Process(progress)]),
        "postgres": sum_cpu([server, *server.children(recursive=True)]),
    }


def ask_pid(_actor: object) -> int:
    """Return the process id of the actor that runs this function."""
    return os.getpid()


def find_server_process(runtime: Runtime) -> int:
    """Return the id of the embedded server process."""
    (file,) = runtime.settings.data_dir.rglob("postmaster.pid")
    return int(file.read_text().split()[0])


def sum_cpu(processes: Sequence[psutil.Process]) -> float:
    """Return the CPU seconds of these processes and of their ended children."""
    spent = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # It has just ended, so its parent counts it.
            spent += sum(process.cpu_times())
    return spent


if __name__ == "__main__":
    main()

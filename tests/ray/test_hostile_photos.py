"""A worker that left a hostile photo behind is replaced, and nothing but that photo fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from PIL import Image, ImageDraw
from ray.exceptions import RayTaskError
from sqlalchemy import Engine, text

from cluster.actors.search_actor import FaceSearchActor, NotReadInTime
from cluster.core.pictures.photos import FoundPhoto
from cluster.core.sessions import PhaseName
from cluster.pipeline.phases import PhotoWork, run_dispatcher
from cluster.pipeline.plan import Plan, WorkerOptions
from cluster.pipeline.workers import DetectorWorkers, TrainingWorkers
from cluster.ray_internals import MOST_CALLS, leave_after_this_task
from cluster.store.database.engine import begin
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_failures
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import finish_discovery, start_phase
from cluster.tasks.clustering import ClusteringOptions
from cluster.tasks.ingest import ReadLimits
from cluster.vision.packs.detector import DetectorOptions
from cluster.vision.packs.pack_files import BUNDLED, resolve_pack
from cluster.vision.packs.pack_thresholds import find_thresholds
from tests.conftest import PROJECT_DIR
from tests.hostile import MANY_SCANS, SIDE_PX, Unlimited, make_many_scans
from tests.item_states import count_items_by_state
from tests.library import NOW, start_session
from tests.local_ray import local_ray
from tests.waiting import wait_until

pytestmark = pytest.mark.long

TIMEOUT_S = 15.0
"""A hundred times what a good photo of these takes; the hostile one takes a quarter of an hour."""

GOOD = 4

TRAINED = "UPDATE session_item SET training_state = 'processed'"
HELD = """
    WITH made AS (
        INSERT INTO image (width, height, phash, dhash, thumbnail)
        SELECT 1, 1, file_id, '', '' FROM session_item RETURNING id, phash
    )
    UPDATE file SET image_id = made.id FROM made WHERE file.id = made.phash
    """
COUNTED = "UPDATE session_phase SET processed = total WHERE phase = 'training'"


@pytest.fixture(scope="module", autouse=True)
def running_ray() -> Iterator[None]:
    """Ray with one CPU: the same process does all tasks, unless it is replaced."""
    with local_ray(num_cpus=1, include_dashboard=False):
        yield


@ray.remote(num_cpus=0)
class Nobody:
    """A live view that nobody looks at."""

    def in_flight(self, report: object) -> None:
        pass

    def settled(self, report: object) -> None:
        pass

    def returned(self, *batch: object) -> None:
        pass

    def waiting(self, *told: object) -> None:
        pass

    def expect(self, session_id: int, **known: int) -> None:
        pass

    def probed(self, *found: object) -> None:
        pass

    def searching(self, report: object) -> None:
        pass


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """The hostile photo first, and good ones of 31 million pixels, each another."""
    files = [tmp_path / f"{n}.jpg" for n in range(GOOD + 1)]
    files[0].write_bytes(make_many_scans(MANY_SCANS))
    for n, file in enumerate(files[1:], start=1):
        picture = Image.new("L", (SIDE_PX, SIDE_PX), 200)
        ImageDraw.Draw(picture).rectangle((0, 0, 1000 * n, 500 * n), fill=20)
        picture.save(file)
    return files


def add_photos(engine: Engine, photos: list[Path]) -> int:
    """Return a new session over these photos, in their order."""
    with begin(engine) as db:
        session_id = start_session(db)
        found = [FoundPhoto(str(photo), photo.stat().st_size, 1) for photo in photos]
        add_found(db, session_id, found, pack=BUNDLED)
        finish_discovery(db, session_id)
    return session_id


def make_plan(engine: Engine, database_url: str, session_id: int, log: Path) -> Plan:
    limits: Any = Unlimited(ReadLimits(10**9, 10**9, TIMEOUT_S), log)
    detector: Any = Unlimited(DetectorOptions(timeout_s=TIMEOUT_S), log)
    return Plan(
        engine=engine,
        database_url=database_url,
        progress=Nobody.remote(),  # type: ignore[attr-defined]
        session_id=session_id,
        root="/photos",
        confined_to=None,
        pack=resolve_pack(BUNDLED),
        limits=limits,
        detector=detector,
        copies=None,
        workers=WorkerOptions(training_batch=3, detection_batch=3, detectors=1),
        clustering=ClusteringOptions(find_thresholds(BUNDLED)),
    )


def check_only_the_hostile_one_failed(
    engine: Engine, session_id: int, phase: PhaseName, photos: list[Path]
) -> None:
    with begin(engine) as db:
        check_session(db, session_id)
        counts = count_items_by_state(db, session_id, phase)
        failures = list_failures(db, session_id, phase=phase, limit=10)
    assert (counts.total, counts.processed, counts.failed) == (GOOD + 1, GOOD, 1)
    assert [(failure.path, failure.reason) for failure in failures] == [
        (str(photos[0]), f"it could not be read within {TIMEOUT_S:g} seconds")
    ]


def check_was_replaced(log: Path) -> None:
    """The process that began has ended, and did nothing more."""
    first, *others = [int(line) for line in log.read_text().split()]
    assert others
    assert first not in others
    wait_until(lambda: not psutil.pid_exists(first), "the process of the hostile photo has ended")


def test_a_training_worker_with_a_hostile_photo_is_replaced(
    engine: Engine, database_url: str, photos: list[Path], tmp_path: Path
) -> None:
    session_id, log = add_photos(engine, photos), tmp_path / "log"
    plan = make_plan(engine, database_url, session_id, log)
    work = PhotoWork(plan, PhaseName.TRAINING, 1)
    assert run_dispatcher(
        work.build_dispatcher(TrainingWorkers(plan)), work.build_pending(3), lambda: False
    )
    check_only_the_hostile_one_failed(engine, session_id, PhaseName.TRAINING, photos)
    check_was_replaced(log)


def test_a_detector_with_a_hostile_photo_is_replaced(
    engine: Engine, database_url: str, photos: list[Path], tmp_path: Path
) -> None:
    session_id, log = add_photos(engine, photos), tmp_path / "log"
    with begin(engine) as db:
        for statement in (HELD, TRAINED, COUNTED):
            db.execute(text(statement))
        start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    plan = make_plan(engine, database_url, session_id, log)
    work, workers = PhotoWork(plan, PhaseName.FACE_DETECTION, 1), DetectorWorkers(plan)
    try:
        assert run_dispatcher(work.build_dispatcher(workers), work.build_pending(3), lambda: False)
    finally:
        workers.stop()
    check_only_the_hostile_one_failed(engine, session_id, PhaseName.FACE_DETECTION, photos)
    check_was_replaced(log)


READ = """
import os, sys
from cluster.core.pictures.photos import Item
from cluster.tasks.ingest import PhotoReader, ReadLimits, read_item
from cluster.vision.photos import scans
from cluster.vision.sources.deadlines import is_overloaded

scans.MAX_SCANS = 1_000_000
reader = PhotoReader(ReadLimits(10**9, 10**9, float(sys.argv[1])), copies=None)
for n, path in enumerate(sys.argv[2:]):
    outcome = read_item(Item(n, path), read=reader.read)
    print(os.path.basename(path), outcome.failure, is_overloaded(), flush=True)
os._exit(0)
"""


@pytest.mark.drill
def test_good_photos_over_30_megapixels_are_read_beside_one_that_was_left_behind(
    photos: list[Path],
) -> None:
    """In the very process, without Ray."""
    hostile, good, another = (str(photo) for photo in photos[:3])
    command = [sys.executable, "-c", READ, f"{TIMEOUT_S:g}", good, hostile, good, another]
    answer = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == [
        "1.jpg None False",
        f"0.jpg it could not be read within {TIMEOUT_S:g} seconds True",
        "1.jpg None True",
        "2.jpg None True",
    ]


@pytest.mark.drill
def test_a_search_that_is_let_go_with_a_hostile_photo_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = Unlimited(DetectorOptions(timeout_s=TIMEOUT_S), log)
    actor: Any = FaceSearchActor.remote(resolve_pack(BUNDLED), options)  # type: ignore[attr-defined]
    with pytest.raises(RayTaskError) as caught:
        ray.get(actor.find_faces.remote(make_many_scans(MANY_SCANS)))
    assert isinstance(caught.value.cause, NotReadInTime)
    (pid,) = [int(line) for line in log.read_text().split()]
    del actor, caught
    wait_until(lambda: not psutil.pid_exists(pid), "the search actor has ended")


@ray.remote(max_retries=0, max_calls=MOST_CALLS)
def work(number: int) -> tuple[int, int]:
    if number % 5 == 0:
        leave_after_this_task()
    return number, os.getpid()


def test_a_process_leaves_when_its_result_is_there_and_takes_no_other_task() -> None:
    answers = ray.get([work.remote(number) for number in range(20)])
    assert [number for number, _ in answers] == list(range(20))
    left = {pid for number, pid in answers if number % 5 == 0}
    assert len(left) == 4
    wait_until(lambda: not any(map(psutil.pid_exists, left)), "they have ended")

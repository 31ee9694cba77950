"""Whoever is killed while faces are grouped: the people are those of an undisturbed run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from cluster.core.pictures.photos import DetectionOutcome
from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import Move, PhaseName, PhaseStatus
from cluster.store.database.engine import begin
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.people.face_vectors import load_vectors
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import (
    complete_phase,
    finish_discovery,
    get_snapshots,
    start_phase,
)
from cluster.store.sessions.session_rows import move_session
from tests.drills import Watcher, find_left_behind, find_victims, title_of
from tests.end_to_end.conftest import open_tables
from tests.headcount import FinishedLibrary, Headcount
from tests.library import NOW, PACK, found, ids_of, make_face, start_session, train
from tests.unit.embeddings import make_embeddings
from tests.waiting import PATIENT_S

pytestmark = pytest.mark.long

FACES, PHOTOS = 20_000, 200


@dataclass(frozen=True)
class Grouped:
    """What a session's clustering came to: who is with whom, and what its row says."""

    groups: frozenset[frozenset[int]]
    phase: PhaseSnapshot


@pytest.fixture(scope="module")
def faces_to_group(
    finished_library: FinishedLibrary, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FinishedLibrary, int]:
    """A library whose second session was paused with many faces found and none grouped."""
    run = Headcount(tmp_path_factory.mktemp("faces") / "data")
    finished_library.copy_to(run.data_dir)
    with open_tables(run) as engine, begin(engine) as db:
        (dim,) = {load_vectors(db, pack=PACK, min_quality=0).vectors.shape[1]}
        session_id = start_session(db)
        add_found(db, session_id, [found(str(n)) for n in range(PHOTOS)], pack=PACK)
        finish_discovery(db, session_id)
        train(db, session_id, {name: name for name in ids_of(db, session_id)})
        complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)
        start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
        image_ids = list(ids_of(db, session_id, PhaseName.FACE_DETECTION).values())
        vectors, model = make_embeddings(FACES, dim=dim, seed=5), make_face(1)
        for number, image_id in enumerate(image_ids):
            faces = tuple(
                replace(model, embedding=row.tobytes()) for row in vectors[number::PHOTOS]
            )
            settle_detection(
                db, session_id, [DetectionOutcome(image_id, faces)], pack=PACK, now=NOW
            )
        complete_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
        move_session(db, session_id, Move.PAUSE, now=NOW)
    return FinishedLibrary(run.data_dir, ""), session_id


def find_tasks(victim: str, run: Headcount) -> list[psutil.Process]:
    """Return the processes of this kind; a driver is ready when its clustering task runs."""
    clustering = find_victims("clustering", run)
    is_block = victim == "block"
    return [process for process in clustering if (" block " in title_of(process)) == is_block]


def wait_for(victim: str, run: Headcount) -> list[psutil.Process]:
    """Wait until there are such processes; none when the run has ended without."""
    assert run.process is not None
    while run.process.poll() is None:
        if tasks := find_tasks(victim, run):
            return tasks
        time.sleep(0.02)
    return []


def cluster_killing(
    library: FinishedLibrary, session_id: int, folder: Path, victims: Sequence[str]
) -> tuple[Grouped, list[str]]:
    """Group the faces while victims are killed; return what came of it and who was killed."""
    run, killed = Headcount(folder / "data"), []
    library.copy_to(run.data_dir)
    with Watcher(run, session_id).watching() as watcher:
        run.start("--session", str(session_id), job="cluster")
        for victim in victims:
            tasks = wait_for(victim, run)
            assert run.process is not None
            if victim == "driver":
                run.process.kill()
                run.process.wait()
                run.start("--session", str(session_id), job="cluster")
                killed.append(victim)
            elif tasks:
                tasks[0].kill()
                killed.append(victim)
        assert run.process is not None
        output, _ = run.process.communicate(timeout=PATIENT_S)
    assert run.process.returncode == 0, output
    assert watcher.falls == []
    assert find_left_behind(run) == []
    with open_tables(run) as engine, begin(engine) as db:
        check_session(db, session_id)
        faces = load_vectors(db, pack=PACK, min_quality=0)
        groups: dict[int, set[int]] = {}
        pairs = zip(faces.face_ids.tolist(), faces.person_ids.tolist(), strict=True)
        for face_id, person_id in pairs:
            groups.setdefault(person_id if person_id > 0 else -face_id, set()).add(face_id)
        (phase,) = (p for p in get_snapshots(db, session_id) if p.name is PhaseName.CLUSTERING)
    return Grouped(frozenset(map(frozenset, groups.values())), phase), killed


@pytest.mark.drill
def test_the_clustering_task_its_blocks_and_the_driver_are_killed(
    faces_to_group: tuple[FinishedLibrary, int], tmp_path: Path
) -> None:
    undisturbed, _ = cluster_killing(*faces_to_group, tmp_path / "quiet", [])
    victims = ["block", "task", "driver", "block", "task"]
    drilled, killed = cluster_killing(*faces_to_group, tmp_path / "drilled", victims)
    assert drilled.groups == undisturbed.groups
    assert drilled.phase.status is PhaseStatus.COMPLETED
    assert drilled.phase.counts == undisturbed.phase.counts
    assert drilled.phase.result == undisturbed.phase.result
    assert set(killed) == {"block", "task", "driver"}

"""Clustering on a real Ray and a real PostgreSQL: the same groups, and a count that moves."""

from __future__ import annotations

import itertools
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import ray
from sqlalchemy import Engine, text

from cluster.actors.progress_actor import start_progress_actor
from cluster.core.identity.thresholds import PackThresholds, Thresholds
from cluster.core.pictures.photos import DetectionOutcome
from cluster.core.progress import DEFAULT_WEIGHTS, PhaseProgress, PhaseSnapshot
from cluster.core.sessions import PhaseName
from cluster.numerics.grouping import Faces, Grouping
from cluster.numerics.grouping import group_faces as group
from cluster.numerics.photo_conflicts import Apart
from cluster.pipeline.phases import cluster_people
from cluster.store.database.engine import begin
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.people.face_vectors import load_vectors
from cluster.store.people.regrouping import list_people
from cluster.store.sessions.phase_rows import finish_discovery, set_clustering, start_phase
from cluster.tasks.clustering import ClusteringOptions, group_faces
from tests.library import NOW, PACK, found, ids_of, make_face, start_session, train
from tests.unit.embeddings import make_embeddings
from tests.waiting import wait_until

FACES, PHOTOS = 6_000, 200
THRESHOLDS = Thresholds(core=0.7, same=0.6, join=0.55, alike=0.95)


@dataclass
class Library:
    """A session whose faces were found, and the live view of it."""

    engine: Engine
    url: str
    session_id: int
    progress: Any

    def start(self) -> ray.ObjectRef:
        return group_faces.remote(
            self.session_id,
            1,
            pack=PACK,
            options=ClusteringOptions(PackThresholds(THRESHOLDS, pack=PACK, is_calibrated=True)),
            database_url=self.url,
            progress=self.progress,
        )

    def ask(self) -> PhaseProgress:
        shown = ray.get(self.progress.show.remote(self.session_id))
        return shown.phase(PhaseName.CLUSTERING)

    def groups(self) -> set[frozenset[int]]:
        with begin(self.engine) as db:
            faces = load_vectors(db, pack=PACK, min_quality=0.0)
        return as_groups(faces.face_ids, faces.person_ids)

    def expected_groups(self) -> set[frozenset[int]]:
        with begin(self.engine) as db:
            faces = load_vectors(db, pack=PACK, min_quality=0.0)
        seeds = np.ones(len(faces), dtype=bool)
        alone = Faces(faces.vectors, faces.image_ids, seeds, Apart.nobody(len(faces)))
        groups = as_groups(faces.face_ids, group(alone, Grouping(THRESHOLDS)))
        assert len(groups) > 50, "the library has people to find"
        return groups


def as_groups(face_ids: np.ndarray, labels: np.ndarray) -> set[frozenset[int]]:
    return {
        frozenset(face_ids[labels == label].tolist()) for label in np.unique(labels[labels >= 0])
    }


@pytest.fixture
def library(shared_ray: None, engine: Engine, database_url: str, tmp_path: Path) -> Library:
    vectors = make_embeddings(FACES, dim=64, seed=3)
    with begin(engine) as db:
        session_id = start_session(db)
        add_found(db, session_id, [found(str(n)) for n in range(PHOTOS)], pack=PACK)
        finish_discovery(db, session_id)
        train(db, session_id, {name: name for name in ids_of(db, session_id)})
        file_ids = list(ids_of(db, session_id, PhaseName.FACE_DETECTION).values())
        shares = np.array_split(vectors, PHOTOS)
        model = make_face(1)
        outcomes = [
            DetectionOutcome(
                file_id, tuple(replace(model, embedding=row.tobytes()) for row in share)
            )
            for file_id, share in zip(file_ids, shares, strict=True)
        ]
        settle_detection(db, session_id, outcomes, pack=PACK, now=NOW)
        start_phase(db, session_id, PhaseName.CLUSTERING, now=NOW)
    progress = start_progress_actor(
        database_url,
        weights=DEFAULT_WEIGHTS,
        namespace=f"test-{time.time_ns()}",
        data_dir=tmp_path,
    )
    return Library(engine, database_url, session_id, progress)


def watch(library: Library, task: ray.ObjectRef) -> list[PhaseProgress]:
    seen = []
    while not ray.wait([task], timeout=0.02)[0]:
        seen.append(library.ask())
    ray.get(task)
    ray.get(library.progress.reload.remote(library.session_id))
    return [*seen, library.ask()]


@pytest.mark.long
def test_blocks_on_ray_give_the_same_people_as_one_process_and_a_count_that_never_falls(
    library: Library,
) -> None:
    seen = watch(library, library.start())
    counts = [phase.current for phase in seen]
    assert all(later >= earlier for earlier, later in itertools.pairwise(counts))
    assert counts[-1] == seen[-1].total == FACES
    assert library.groups() == library.expected_groups()
    result = seen[-1].result
    assert result is not None
    assert result.faces_clustered + result.faces_ungrouped == FACES
    with begin(library.engine) as db:
        assert len(list_people(db, pack=PACK, limit=FACES)) == result.clusters_found


@pytest.mark.long
def test_the_count_of_clustering_that_was_stopped_goes_on_from_where_it_stood(
    library: Library,
) -> None:
    with begin(library.engine) as db:
        set_clustering(db, library.session_id, current=FACES // 2, total=FACES, step="neighbours")
    ray.get(library.progress.reload.remote(library.session_id))
    counts = [phase.current for phase in watch(library, library.start())]
    assert counts[0] >= FACES // 2
    assert all(later >= earlier for earlier, later in itertools.pairwise(counts))
    assert library.groups() == library.expected_groups()


@pytest.mark.long
def test_a_lost_worker_costs_its_block_only(library: Library) -> None:
    killed = 0
    while not killed:  # A block may be too quick to be met: another task has others.
        task = library.start()
        while not ray.wait([task], timeout=0.01)[0]:
            for process in psutil.process_iter(["cmdline"]):
                title = " ".join(process.info["cmdline"] or ())
                if killed < 2 and title.startswith("ray::cluster[") and " block " in title:
                    process.send_signal(signal.SIGKILL)
                    killed += 1
        ray.get(task)
    assert library.groups() == library.expected_groups()


@pytest.mark.drill
@pytest.mark.long
def test_a_database_that_hangs_up_again_and_again_is_waited_for(library: Library) -> None:
    task = library.start()
    hang_up = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    cut = 0
    with library.engine.connect() as connection:
        while not ray.wait([task], timeout=0.05)[0] and cut < 60:
            cut += len(connection.execute(hang_up).all())
            connection.commit()
    ray.get(task)
    assert cut
    assert library.groups() == library.expected_groups()


@pytest.mark.long
def test_people_keep_their_ids_when_clustering_runs_again(library: Library) -> None:
    ray.get(library.start())
    with begin(library.engine) as db:
        before = {person.id for person in list_people(db, pack=PACK, limit=FACES)}
    ray.get(library.start())
    with begin(library.engine) as db:
        assert {person.id for person in list_people(db, pack=PACK, limit=FACES)} == before


def running_tasks() -> list[psutil.Process]:
    """The worker processes that cluster at this moment, blocks included."""
    titles = ((p, " ".join(p.info["cmdline"] or ())) for p in psutil.process_iter(["cmdline"]))
    return [process for process, title in titles if title.startswith("ray::cluster[")]


@pytest.mark.long
def test_stopping_ends_the_task_and_its_blocks_and_commits_nothing(library: Library) -> None:
    plan: Any = SimpleNamespace(
        session_id=library.session_id,
        pack=SimpleNamespace(name=PACK),
        clustering=ClusteringOptions(PackThresholds(THRESHOLDS, pack=PACK, is_calibrated=True)),
        database_url=library.url,
        progress=library.progress,
    )
    phase = PhaseSnapshot(PhaseName.CLUSTERING)
    pool: Any = None
    assert not cluster_people(plan, pool, phase, should_stop=lambda: bool(running_tasks()))
    wait_until(lambda: not running_tasks(), "blocks that nobody wants end")
    assert library.groups() == set()
    assert library.ask().result is None
    assert cluster_people(plan, pool, phase, should_stop=lambda: False)
    assert library.groups() == library.expected_groups()

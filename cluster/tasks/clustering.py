"""Clustering: all faces of a pack become people, as one Ray task with its own status and steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import ray
from ray.actor import ActorHandle

from cluster.core.photos import Settled
from cluster.core.progress import ClusteringResult
from cluster.core.reports import SettledReport
from cluster.core.sessions import PhaseName
from cluster.numerics.clusters import cluster_vectors
from cluster.numerics.identities import match_identities
from cluster.store.engine import Engine, begin, worker_engine
from cluster.store.faces import load_vectors
from cluster.store.people import assign_people
from cluster.store.phases import record_clustering, set_clustering


@dataclass(frozen=True, slots=True)
class ClusteringOptions:
    """What counts as a person: HDBSCAN's parameters, and which faces are good enough.

    HDBSCAN finds groups by their contrast, and so nobody in a library with photos of one person;
    `lone_reach` is the distance within which faces are then that person's.
    """

    min_quality: float = 0.3
    min_cluster_size: int = 3
    min_samples: int = 3
    lone_reach: float | None = None


@dataclass(frozen=True)
class ClusteringProgress:
    """Writes how far clustering is into its phase row, and tells the live view."""

    engine: Engine
    actor: ActorHandle
    session_id: int
    attempt: int

    def show(self, *, current: int, total: int, step: str) -> None:
        """Show `current` of `total` faces, and what is being done."""
        with begin(self.engine) as db:
            settled = set_clustering(db, self.session_id, current=current, total=total, step=step)
        self.report(settled, step=step)

    def report(self, settled: Settled, *, step: str | None = None) -> None:
        """Tell the live view what the row says now."""
        phase = PhaseName.CLUSTERING
        self.actor.settled.remote(
            SettledReport(self.session_id, phase, self.attempt, None, settled, step)
        )


@ray.remote(max_retries=3, num_cpus=1)
def cluster_faces(
    session_id: int,
    attempt: int,
    *,
    pack: str,
    options: ClusteringOptions,
    database_url: str,
    progress: ActorHandle,
) -> ClusteringResult:
    """Group the faces, give the groups to people, record what came of it.

    Run twice, it gives the same answer; it writes in one transaction at its end.
    """
    engine = worker_engine(database_url)
    shown = ClusteringProgress(engine, progress, session_id, attempt)
    with begin(engine) as db:
        faces = load_vectors(db, pack=pack, min_quality=options.min_quality)
    total = len(faces.face_ids)
    shown.show(current=0, total=total, step="grouping faces")
    labels = cluster_vectors(
        faces.vectors,
        min_cluster_size=options.min_cluster_size,
        min_samples=options.min_samples,
        lone_reach=options.lone_reach,
    )
    person_ids = match_identities(labels, faces.person_ids, is_placed=faces.is_placed)
    result = ClusteringResult(
        clusters_found=int(labels.max(initial=-1)) + 1,
        faces_clustered=int((labels >= 0).sum()),
        faces_ungrouped=int((labels < 0).sum()),
    )
    with begin(engine) as db:
        assign_people(
            db, pack=pack, face_ids=faces.face_ids, person_ids=person_ids, now=datetime.now(UTC)
        )
        record_clustering(db, session_id, result)
        settled = set_clustering(db, session_id, current=total, total=total, step=None)
    shown.report(settled)
    return result

"""Clustering: groups all faces of a pack into people, in a Ray task that fans out to Ray tasks.

The progress of this phase is counted in faces. The search for neighbours accounts for nearly all of
the count; the spanning tree and the labels account for the rest. A repeated run, also after a
crash, gives the same people. They are written in one transaction at the end.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import ray
from ray.actor import ActorHandle

from cluster.core.defaults import MIN_CLUSTER_SIZE, MIN_QUALITY, MIN_SAMPLES
from cluster.core.errors import DatabaseUnavailable
from cluster.core.identity.thresholds import PackThresholds, Thresholds
from cluster.core.pictures.photos import Settled, Work
from cluster.core.progress import ClusteringResult
from cluster.core.reports import SettledReport, Throttle
from cluster.core.sessions import PhaseName
from cluster.logs import bind, log_to_stderr
from cluster.numerics.distinct import DistinctVectors
from cluster.numerics.film_joining import Seen, join_film_faces
from cluster.numerics.grouping import Faces, Grouping
from cluster.numerics.grouping import group_faces as group
from cluster.numerics.identities import match_identities
from cluster.numerics.photo_conflicts import Apart, PhotoRules
from cluster.numerics.spanning_tree import SpanningTree
from cluster.numerics.strangers import center_vectors, choose_thresholds, sample_strangers
from cluster.numerics.tiled_tree import LocalWorkers, Workers, span_vectors
from cluster.priority import work_in_background
from cluster.store.database.engine import Engine, begin, worker_engine
from cluster.store.database.retries import RetryPolicy, Waited
from cluster.store.decisions.importing import place_kept
from cluster.store.decisions.region_placing import place_kept_regions
from cluster.store.people.apart import ToldApart, load_apart
from cluster.store.people.births import release_before_birth
from cluster.store.people.face_vectors import FaceVectors, load_moments, load_vectors
from cluster.store.people.pack_carrying import carry_decisions
from cluster.store.people.regrouped_people import (
    compare_people,
    find_newest_person,
    list_people_after,
    remember_people,
)
from cluster.store.people.regrouping import assign_people, count_grouped
from cluster.store.sessions.attempts import hold_current_attempt
from cluster.store.sessions.phase_rows import record_clustering, set_clustering
from cluster.tasks.tiles import CPU_PLACE, RayWorkers, choose_place
from cluster.vision.photos.region_crops import cut_from_thumbnail

SHARES = {"neighbours": (0.0, 0.80), "spanning_tree": (0.80, 0.90), "labels": (0.90, 1.0)}
"""The range of the count that each step covers, as shares of the total."""

WRITE_INTERVAL_S = 0.05
TYPICAL_ROUNDS = 8
ALONE_UP_TO = 5_000
"""Up to this many faces are grouped in one process, which takes less than half a second."""


@dataclass(frozen=True, slots=True)
class ClusteringOptions:
    """The options of clustering.

    `min_quality` is the quality of a face that can found a person; other faces can only join one. A
    person has `min_cluster_size` faces or more. `min_samples` is the neighbour that core distances
    are measured to. With `films_found_people`, faces of films are grouped like those of photos.
    """

    thresholds: PackThresholds
    min_quality: float = MIN_QUALITY
    min_cluster_size: int = MIN_CLUSTER_SIZE
    min_samples: int = MIN_SAMPLES
    films_found_people: bool = False


@dataclass
class ClusteringProgress:
    """Writes the progress of clustering to its phase row, and reports it to the live view.

    When clustering is resumed, it starts again, but its count does not fall: it rises from
    `begun_at` to the total.
    """

    engine: Engine
    actor: ActorHandle
    session_id: int
    attempt: int
    faces: int
    throttle: Throttle = field(default_factory=lambda: Throttle(WRITE_INTERVAL_S))
    begun_at: int = 0
    current: int = 0
    workers: int = 1
    """The number of workers that compared faces at the same time."""

    def begin(self) -> None:
        """Show the first step, and read the count that an earlier run of this attempt reached."""
        settled = self.show(0, step="neighbours")
        if settled is not None:
            self.begun_at = self.current = settled.counts.processed

    def step_done(self, step: str, done: int, total: int) -> None:
        """Show how much of a step is done, after each percent or every WRITE_INTERVAL_S seconds."""
        begins, ends = SHARES[step]
        share = begins + (ends - begins) * done / max(1, total)
        current = self.begun_at + int((self.faces - self.begun_at) * share)
        is_due = self.throttle.admit(now=time.monotonic())
        if is_due or current - self.current >= self.faces / 100:
            self.current = current
            self.show(current, step=step)

    def round_done(self, rounds: int) -> None:
        """Show that a round of merging is done; the number of rounds is not known in advance."""
        self.step_done("labels", rounds, rounds + TYPICAL_ROUNDS)

    def show(self, current: int, *, step: str | None) -> Settled | None:
        """Show a count and a step; return the counts of the row.

        The row keeps a higher count, so the count that is shown never falls. Returns None if the
        database is unreachable; the next call writes the count.
        """
        try:
            with begin(self.engine) as db:
                settled = set_clustering(
                    db,
                    self.session_id,
                    current=current,
                    total=self.faces,
                    step=step,
                    attempt=self.attempt,
                )
        except DatabaseUnavailable:
            return None
        self.report(settled, step=step)
        return settled

    def report(self, settled: Settled, *, step: str | None = None) -> None:
        """Report the counts of the row to the live view."""
        phase = PhaseName.CLUSTERING
        self.actor.settled.remote(
            SettledReport(self.session_id, phase, self.attempt, None, settled, step)
        )


@ray.remote(max_retries=3, num_cpus=0)
def group_faces(
    session_id: int,
    attempt: int,
    *,
    pack: str,
    options: ClusteringOptions,
    database_url: str,
    progress: ActorHandle,
) -> None:
    """Group the faces of a pack, match the groups to people, and commit people and result."""
    work_in_background()
    log_to_stderr()
    engine = worker_engine(database_url)
    loaded = RetryPolicy().run_timed(partial(_load, engine, pack=pack))
    shown = ClusteringProgress(engine, progress, session_id, attempt, len(loaded.faces))
    shown.begin()
    person_ids, same_person = find_people(
        loaded,
        options,
        group=partial(
            group_vectors, options=options, shown=shown, name=f"cluster[session={session_id}]"
        ),
    )
    commit = partial(_commit, shown, loaded, person_ids, same_person, pack=pack)
    committed = RetryPolicy().run_timed(lambda waited_s: commit(waited_s=waited_s))
    if committed is not None:
        shown.report(committed.settled)
        bind(__name__, session=session_id).info("faces grouped", **asdict(committed.result))


@dataclass(frozen=True, slots=True)
class Loaded:
    """The faces of a pack, their `moments` (int64), and the faces that users told apart.

    `carried` are the people that were created meanwhile from the decisions of other packs, and
    `waited_s` is how long loading took, in seconds.
    """

    faces: FaceVectors
    moments: npt.NDArray[np.int64]
    apart: ToldApart
    carried: frozenset[int] = frozenset()
    waited_s: float = 0.0


def _load(engine: Engine, waited_s: Waited, *, pack: str) -> Loaded:
    with begin(engine) as db:
        place_kept(db, now=datetime.now(UTC), cut=cut_from_thumbnail)
        place_kept_regions(db, pack=pack, cut=cut_from_thumbnail, now=datetime.now(UTC))
        newest = find_newest_person(db)
        carry_decisions(db, pack=pack, now=datetime.now(UTC))
        carried = list_people_after(db, newest, pack=pack)
        faces = load_vectors(db, pack=pack, min_quality=0.0)
        apart = load_apart(db, faces, pack=pack)
        return Loaded(faces, load_moments(db, faces), apart, carried, waited_s())


def find_people(
    loaded: Loaded, options: ClusteringOptions, *, group: Callable[[Faces], Grouped]
) -> tuple[npt.NDArray[np.int64], str]:
    """Return the person of each face, int64 (n,), and one line about the thresholds that were used.

    The faces of photos are grouped as if there were no films, and then the faces of films join.
    With `options.films_found_people`, all faces are grouped together.
    """
    faces = loaded.faces
    vectors = center_vectors(faces.vectors, options.thresholds.center)
    apart = Apart(loaded.apart.sides, loaded.apart.pairs)
    count = len(faces) if options.films_found_people else faces.photo_faces
    part = np.arange(count)
    compared = Faces(
        vectors[:count],
        loaded.moments[:count],
        faces.qualities[:count] >= options.min_quality,
        apart.take(part),
    )
    grouped = group(compared)
    placed = faces.is_placed[:count]
    rules = PhotoRules(vectors, loaded.moments, grouped.thresholds.alike, apart)
    person_ids = faces.person_ids.copy()
    person_ids[:count] = rules.take(part).release_beside_placed(
        match_identities(grouped.labels, faces.person_ids[:count], is_placed=placed), placed
    )
    seen = Seen(rules, person_ids, faces.is_placed, count)
    return join_film_faces(seen, grouped.thresholds), grouped.same_person


@dataclass(frozen=True, slots=True)
class Committed:
    """The counts of the phase row, and the clustering result that was written with them."""

    settled: Settled
    result: ClusteringResult


def _commit(
    shown: ClusteringProgress,
    loaded: Loaded,
    person_ids: npt.NDArray[np.int64],
    same_person: str,
    *,
    pack: str,
    waited_s: Waited,
) -> Committed | None:
    """Write people and result in one transaction; return None if the attempt is not current.

    The result counts all people at that time, including those that users created or carried over.
    """
    faces, session_id, total = loaded.faces, shown.session_id, len(loaded.faces.face_ids)
    with begin(shown.engine) as db:
        if not hold_current_attempt(db, session_id, PhaseName.CLUSTERING, shown.attempt):
            return None
        remember_people(db, pack=pack, carried=loaded.carried)
        assign_people(
            db,
            pack=pack,
            face_ids=faces.face_ids,
            seen_person_ids=faces.person_ids,
            person_ids=person_ids,
            now=datetime.now(UTC),
        )
        carry_decisions(db, pack=pack, now=datetime.now(UTC))
        release_before_birth(db, pack=pack)
        counts = count_grouped(db, pack=pack)
        result = ClusteringResult(counts.people, counts.faces, counts.ungrouped, same_person)
        change = compare_people(db, pack=pack)
        work = Work(waited_s=loaded.waited_s + waited_s(), workers=shown.workers)
        record_clustering(db, session_id, result, change=change, work=work)
        settled = set_clustering(db, session_id, current=total, total=total, step=None)
        return Committed(settled, result)


@dataclass(frozen=True, slots=True)
class Grouped:
    """The group of each face, int64 (n,), -1 for none, and one line about the thresholds that were
    used.
    """

    labels: npt.NDArray[np.int64]
    same_person: str
    thresholds: Thresholds


def group_vectors(
    faces: Faces, options: ClusteringOptions, *, shown: ClusteringProgress, name: str
) -> Grouped:
    """Return the groups of the faces; tiles run on the whole cluster."""

    def span(distinct: DistinctVectors) -> SpanningTree:
        workers, side, shown.workers = _choose_workers(distinct.vectors, name=name)
        _, tree = span_vectors(
            distinct,
            workers,
            min_samples=options.min_samples,
            block_size=side,
            on_progress=shown.step_done,
        )
        return tree

    seeds = np.flatnonzero(faces.is_seed)
    strangers = sample_strangers(faces.vectors[seeds], faces.photos[seeds])
    thresholds, same_person = choose_thresholds(options.thresholds, strangers)
    grouping = Grouping(thresholds, min_size=options.min_cluster_size)
    rounds = itertools.count(1)
    labels = group(faces, grouping, span=span, on_round=lambda: shown.round_done(next(rounds)))
    return Grouped(labels, same_person, thresholds)


def _choose_workers(vectors: npt.NDArray[np.float32], *, name: str) -> tuple[Workers, int, int]:
    """Return workers for the vectors, float32 (n, d), the side of their tiles, and their number."""
    if len(vectors) <= ALONE_UP_TO:
        return LocalWorkers(vectors, CPU_PLACE.make_prefilter), CPU_PLACE.smallest, 1
    cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
    place = choose_place(vectors)
    workers = RayWorkers(vectors, place, in_flight=2 * cpus, name=name)
    return workers, place.choose_side(len(vectors)), cpus

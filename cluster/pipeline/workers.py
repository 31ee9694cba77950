"""The workers that process batches: Ray tasks for training, a pool of actors for face detection.

Detectors reserve GPUs in Ray, but no CPUs, because two sessions whose detectors hold CPUs while
they wait for more would block each other forever. Instead, this module limits the detectors of a
node by its CPUs. The phases of a session follow each other, so no CPU is used twice.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import ray
from ray.actor import ActorHandle
from ray.autoscaler.sdk import request_resources
from ray.exceptions import RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.actors.detection import Detected, FaceDetectorActor
from cluster.core.errors import DatabaseUnavailable, PhaseFailed
from cluster.core.metrics import DETECTORS
from cluster.core.pictures.photos import Batch
from cluster.core.reports import report_interval_s
from cluster.logs import bind
from cluster.pipeline.plan import Plan, WorkerOptions
from cluster.store.database.engine import check_database, worker_engine
from cluster.tasks.clustering import group_faces
from cluster.tasks.ingest import Trained, ingest
from cluster.vision.relations.fingerprints import warm_up_fingerprints

RESIZE_INTERVAL_S = 2.0


class TrainingWorkers:
    """One Ray task for each batch. The cluster's CPUs determine how many run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._capacity, self._asked_at = 1, float("-inf")
        self._kept_bytes, self._running = 0, 0

    def capacity(self) -> int:
        """Return how many batches keep every CPU busy, including queued ones."""
        if time.monotonic() - self._asked_at > RESIZE_INTERVAL_S:
            self._capacity = count_cpus() * self._plan.workers.batches_in_flight
            self._asked_at = time.monotonic()
            expect_workers(self._plan)
        return self._capacity

    def start(self, batch: Batch) -> ray.ObjectRef:
        """Start a task for the batch; its name shows the session in Ray's dashboard."""
        plan = self._plan
        named = ingest.options(name=f"train[session={batch.session_id}]")
        copies = plan.copies if self._kept_bytes < plan.workers.decoded_copies_bytes else None
        cpus = max(1, self._capacity // plan.workers.batches_in_flight)
        self._running += 1
        return named.remote(
            replace(batch, workers=min(self._running, cpus)),
            plan.database_url,
            plan.limits,
            plan.progress,
            copies,
            report_interval_s(cpus),
        )

    def end(self, reference: ray.ObjectRef) -> None:
        """Kill the worker that holds a batch."""
        ray.cancel(reference, force=True)

    def finished(self, reference: ray.ObjectRef, answer: Trained | None) -> None:
        """Remove the batch from those in flight; add up the bytes of the decoded copies."""
        self._running -= 1
        if answer is not None:
            self._kept_bytes += answer.kept_bytes


@dataclass(slots=True, eq=False)
class Detector:
    """One actor of the pool, the node that it was started for, and the batches that it holds."""

    actor: ActorHandle
    name: str
    node_id: str
    held: set[ray.ObjectRef] = field(default_factory=set)


class DetectorWorkers:
    """A pool of FaceDetector actors that follows the size of the cluster.

    A detector that dies is replaced, and so is a detector that still decodes a photo that it left
    behind. Detectors are added when nodes join. `stop` kills all detectors.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._detectors: list[Detector] = []
        self._holders: dict[ray.ObjectRef, Detector] = {}
        self._resized_at = float("-inf")
        self._started, self._wanted = 0, 1
        # Each run has a namespace, because the names of a killed run may still be taken.
        self._namespace = f"headcount-run-{time.time_ns()}"
        self._log = bind(__name__, session=plan.session_id)
        self._most = plan.workers.detectors or plan.workers.detectors_max or math.inf
        self._asked_autoscaler = False

    def start_all(self) -> ray.ObjectRef:
        """Start all detectors; the returned object is ready when the first one has loaded."""
        self._asked_autoscaler = ask_autoscaler(self._plan.workers)
        self._resize()
        reference: ray.ObjectRef = self._detectors[0].actor.describe.remote()
        return reference

    def probe(self, paths: Sequence[str]) -> None:
        """Let the first detector time a few photos before their turn, to estimate the time left."""
        if self._detectors:
            detector = self._detectors[0]
            named = detector.actor.probe_for.options(name=f"{detector.name} probe")
            named.remote(self._plan.session_id, list(paths))

    def capacity(self) -> int:
        """Return how many batches keep every detector busy while it decodes the next one."""
        self._resize()
        return len(self._detectors) * self._plan.workers.batches_in_flight

    def start(self, batch: Batch) -> ray.ObjectRef:
        """Start a batch on the detector that holds the fewest batches."""
        detector = min(self._detectors, key=lambda d: len(d.held))
        workers = sum(1 for one in self._detectors if one.held or one is detector)
        named = detector.actor.detect_batch.options(name=f"{detector.name} detect_batch")
        reference: ray.ObjectRef = named.remote(replace(batch, workers=workers))
        detector.held.add(reference)
        self._holders[reference] = detector
        return reference

    def finished(self, reference: ray.ObjectRef, answer: Detected | None) -> None:
        """Remove the batch from those in flight; replace a detector that is lost or overloaded.

        An overloaded detector gets no more batches, and is killed when it has finished the batches
        that it holds.
        """
        detector = self._holders.pop(reference)
        detector.held.discard(reference)
        if detector in self._detectors and (answer is None or answer.is_overloaded):
            self._detectors.remove(detector)
            event = "detector lost" if answer is None else "detector replaced"
            self._log.warning(event, name=detector.name, node=detector.node_id)
            self._resized_at = float("-inf")
        if detector not in self._detectors and (answer is None or not detector.held):
            ray.kill(detector.actor)

    def end(self, reference: ray.ObjectRef) -> None:
        """Kill the detector that holds a batch."""
        ray.kill(self._holders[reference].actor)

    def stop(self) -> None:
        """Kill all detectors. Photos that they have not committed stay pending."""
        for detector in {*self._detectors, *self._holders.values()}:
            ray.kill(detector.actor)
        self._detectors.clear()
        if self._asked_autoscaler:
            request_resources(bundles=[])
            self._asked_autoscaler = False

    def _resize(self) -> None:
        if time.monotonic() - self._resized_at < RESIZE_INTERVAL_S:
            return
        self._resized_at = time.monotonic()
        there = Counter(detector.node_id for detector in self._detectors)
        by_node = count_detectors_by_node(self._plan.workers)
        self._wanted = sum(by_node.values())
        for node_id, wanted in by_node.items():
            for _ in range(wanted - there[node_id]):
                if len(self._detectors) < self._most:
                    self._add(node_id)
        expect_workers(self._plan)
        session = str(self._plan.session_id)
        self._plan.meter.record(DETECTORS, len(self._detectors), session=session)

    def _add(self, node_id: str) -> None:
        plan = self._plan
        self._started += 1
        name = f"detect[session={plan.session_id}]#{self._started}"
        named = cast(Any, FaceDetectorActor).options(
            name=name,
            namespace=self._namespace,
            num_cpus=0,
            num_gpus=plan.workers.detector_gpus,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=True),
        )
        actor = named.remote(
            plan.pack,
            plan.detector,
            name=name,
            database_url=plan.database_url,
            progress=plan.progress,
            decode_threads=plan.workers.decode_threads,
            copies=plan.copies,
            report_interval_s=report_interval_s(self._wanted),
        )
        self._detectors.append(Detector(actor, name, node_id))
        self._log.info("detector started", name=name, node=node_id)


class WorkerPool:
    """All workers of a session, started before it, so that its time does not include their start.

    With `reads_photos` false, for a session that has only clustering left, no worker is started.
    """

    def __init__(self, plan: Plan, *, reads_photos: bool = True) -> None:
        self._copies = plan.copies
        if self._copies is not None:
            self._copies.open()
        self.training = TrainingWorkers(plan)
        self.detectors = DetectorWorkers(plan)
        self._waiting: list[ray.ObjectRef] = []
        if reads_photos:
            self._waiting = [warm_up.remote(plan.database_url) for _ in range(count_cpus())]
            self._waiting.append(self.detectors.start_all())

    def wait_until_ready(self, *, timeout_s: float) -> bool:
        """Wait for all workers and tell whether they are ready.

        Raises PhaseFailed, with the reason, if the detector could not be started.
        """
        if not self._waiting:
            return True
        ready, self._waiting = ray.wait(
            self._waiting, num_returns=len(self._waiting), timeout=timeout_s
        )
        try:
            ray.get(ready)
        except (RayActorError, RayTaskError) as error:
            raise PhaseFailed(f"The face detector could not be started: {error}") from error
        return not self._waiting

    def stop(self) -> None:
        """Kill the detectors and remove the decoded copies."""
        self.detectors.stop()
        if self._copies is not None:
            self._copies.close()


@ray.remote(max_retries=1)
def warm_up(database_url: str) -> None:
    """Load the modules that tasks need; Ray runs the next tasks in the same worker process."""
    assert ingest is not None
    assert group_faces is not None
    warm_up_fingerprints()
    with suppress(DatabaseUnavailable):  # The batches wait for the database.
        check_database(worker_engine(database_url))
    time.sleep(0.1)  # Long enough for each CPU to get a worker process of its own.


def expect_workers(plan: Plan) -> None:
    """Report the current numbers of detectors and CPUs to the live view, without waiting."""
    detectors = sum(count_detectors_by_node(plan.workers).values())
    plan.progress.expect.remote(plan.session_id, workers=detectors, cpus=count_cpus())


def count_cpus() -> int:
    """Return the number of CPUs of the Ray cluster, at least one."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def count_detectors_by_node(options: WorkerOptions) -> dict[str, int]:
    """Return the number of detectors of each node, by node id; at least one in total."""
    nodes = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
    room = {node_id: _count_room(resources, options) for node_id, resources in nodes.items()}
    if not any(room.values()):
        room[next(iter(nodes))] = 1
    if options.detectors is not None:
        return share_out(room, options.detectors, is_bounded=False)
    return share_out(room, min(sum(room.values()), options.detectors_max or math.inf))


def _count_room(resources: Mapping[str, float], options: WorkerOptions) -> int:
    if options.detector_resource is not None and not resources.get(options.detector_resource):
        return 0
    if options.detector_gpus > 0:
        return math.floor(resources.get("GPU", 0) / options.detector_gpus)
    return math.floor(resources.get("CPU", 0) / options.detector_cpus)


def share_out(
    room: Mapping[str, int], detectors: float, *, is_bounded: bool = True
) -> dict[str, int]:
    """Distribute `detectors` over the nodes in turn, beginning with the nodes with the most room.

    With `is_bounded`, no node gets more than it has room for.
    """
    given: Counter[str] = Counter()
    order = sorted(room, key=lambda node_id: -room[node_id])
    nodes = itertools.cycle(order)
    while given.total() < detectors:
        node_id = next(nodes)
        if not is_bounded or given[node_id] < room[node_id]:
            given[node_id] += 1
    return dict(given)


def ask_autoscaler(options: WorkerOptions) -> bool:
    """Ask the autoscaler for nodes with room for `detectors_min`, if there is less room.

    The request is needed because detectors reserve no CPUs that the autoscaler would see. Returns
    True if the autoscaler was asked. Without an autoscaler, the request has no effect.
    """
    if sum(count_detectors_by_node(options).values()) >= options.detectors_min:
        return False
    bundle = (
        {"GPU": options.detector_gpus}
        if options.detector_gpus > 0
        else {"CPU": options.detector_cpus}
    )
    if options.detector_resource is not None:
        bundle[options.detector_resource] = 0.001
    request_resources(bundles=[bundle] * options.detectors_min)
    return True

"""Those who do the batches: Ray tasks for training, a pool of actors for face detection."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, cast

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError

from cluster.actors.detection import DetectionBatch, FaceDetectorActor
from cluster.core.errors import PhaseFailed
from cluster.plan import CrewOptions, Plan
from cluster.tasks.ingest import TrainingBatch, ingest

RESIZE_INTERVAL_S = 2.0


class TrainingWorkers:
    """One Ray task a batch; the cluster's CPUs decide how many run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._capacity, self._asked_at = 1, float("-inf")

    def capacity(self) -> int:
        """Return how many batches keep every CPU busy, with some waiting."""
        if time.monotonic() - self._asked_at > RESIZE_INTERVAL_S:
            cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
            self._capacity, self._asked_at = cpus * self._plan.crew.batches_in_flight, _now()
        return self._capacity

    def start(self, batch: TrainingBatch) -> ray.ObjectRef:
        """Hand a batch to a task whose name tells the dashboard which session it serves."""
        plan = self._plan
        named = ingest.options(name=f"train[session={batch.session_id}]")
        return named.remote(batch, plan.database_url, plan.limits, plan.progress)

    def finished(self, reference: ray.ObjectRef, *, is_lost: bool) -> None:
        """Nothing is kept of a task."""


@dataclass(slots=True)
class Detector:
    """One actor of the pool, and the batches that it holds."""

    actor: ActorHandle
    held: set[ray.ObjectRef] = field(default_factory=set)


class DetectorWorkers:
    """A pool of FaceDetector actors that follows the size of the cluster.

    A detector that dies is replaced; when nodes join, detectors are added. `dismiss` ends them all.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._detectors: list[Detector] = []
        self._holders: dict[ray.ObjectRef, Detector] = {}
        self._resized_at = float("-inf")
        self._started = 0

    def capacity(self) -> int:
        """Return how many batches keep every detector busy, with the next one decoding."""
        self._resize()
        return len(self._detectors) * self._plan.crew.batches_in_flight

    def start(self, batch: DetectionBatch) -> ray.ObjectRef:
        """Hand a batch to the detector that holds the fewest."""
        detector = min(self._detectors, key=lambda d: len(d.held))
        reference = detector.actor.detect_batch.remote(batch)
        detector.held.add(reference)
        self._holders[reference] = detector
        return reference

    def finished(self, reference: ray.ObjectRef, *, is_lost: bool) -> None:
        """Free the detector's place; a lost detector is replaced by a new one."""
        detector = self._holders.pop(reference)
        detector.held.discard(reference)
        if is_lost and detector in self._detectors:
            self._detectors.remove(detector)
            ray.kill(detector.actor)
            self._add()

    def check_first(self) -> None:
        """Wait for the first detector to load its models; PhaseFailed says why it could not."""
        self._resize()
        try:
            ray.get(self._detectors[0].actor.describe.remote())
        except RayActorError as error:
            raise PhaseFailed(f"The face detector could not be started: {error}") from error

    def dismiss(self) -> None:
        """End every detector; what they had not committed stays pending."""
        for detector in self._detectors:
            ray.kill(detector.actor)
        self._detectors.clear()

    def _resize(self) -> None:
        if _now() - self._resized_at < RESIZE_INTERVAL_S:
            return
        self._resized_at = _now()
        for _ in range(count_detectors(self._plan.crew) - len(self._detectors)):
            self._add()

    def _add(self) -> None:
        plan, crew = self._plan, self._plan.crew
        self._started += 1
        named = cast(Any, FaceDetectorActor).options(
            name=f"detect[session={plan.session_id}]#{self._started}-{time.time_ns()}",
            num_cpus=crew.detector_cpus,
            num_gpus=crew.detector_gpus,
        )
        actor = named.remote(
            plan.pack,
            plan.detector,
            database_url=plan.database_url,
            progress=plan.progress,
            decode_threads=crew.decode_threads,
        )
        self._detectors.append(Detector(actor))


def count_detectors(crew: CrewOptions) -> int:
    """Return how many detectors the cluster has room for now; at least one."""
    if crew.detectors is not None:
        return crew.detectors
    resources = ray.cluster_resources()
    if crew.detector_gpus > 0:
        return max(1, math.floor(resources.get("GPU", 0) / crew.detector_gpus))
    return max(1, math.floor(resources.get("CPU", 1) / crew.detector_cpus))


def _now() -> float:
    return time.monotonic()

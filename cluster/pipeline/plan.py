"""The plan of one session, as values: the entry point builds it, and the pipeline reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from ray.actor import ActorHandle

from cluster.core.defaults import BATCHES_IN_FLIGHT, DETECTION_BATCH, HISTORY_DAYS, TRAINING_BATCH
from cluster.core.metrics import Meter, NoMeter
from cluster.store.database.engine import Engine
from cluster.store.database.retries import RetryPolicy
from cluster.tasks.clustering import ClusteringOptions
from cluster.tasks.ingest import ReadLimits
from cluster.vision.packs.detector import DetectorOptions
from cluster.vision.packs.pack_files import Pack
from cluster.vision.photos.decoded_cache import DecodedCopies


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The number of workers, the size of their batches, and the resources that each uses.

    With `detectors` None, there are as many detectors as the cluster's GPUs or, without
    `detector_gpus`, its CPUs allow, at most `detectors_max`. The autoscaler, if there is one, is
    asked for room for `detectors_min`. With `detector_resource`, only nodes that have this Ray
    resource get detectors.
    """

    training_batch: int = TRAINING_BATCH
    detection_batch: int = DETECTION_BATCH
    batches_in_flight: int = BATCHES_IN_FLIGHT
    detectors: int | None = None
    detectors_min: int = 1
    detectors_max: int | None = None
    detector_resource: str | None = None
    detector_cpus: float = 1.0
    detector_gpus: float = 0.0
    decode_threads: int = 0
    decoded_copies_bytes: int = 0


@dataclass(frozen=True)
class Plan:
    """Everything that a session needs.

    `copies` holds the decoded photos that training keeps for face detection. It is None if
    detectors run on other machines or need another size.

    `confined_to` lists the folders that symbolic links may not leave; None for a root that was
    named on the command line. Details of ended sessions are kept for `history_days`.
    """

    engine: Engine
    database_url: str
    progress: ActorHandle
    session_id: int
    root: str
    confined_to: tuple[Path, ...] | None
    pack: Pack
    limits: ReadLimits
    detector: DetectorOptions
    copies: DecodedCopies | None
    workers: WorkerOptions
    clustering: ClusteringOptions
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    meter: Meter = field(default_factory=NoMeter)
    history_days: int = HISTORY_DAYS


Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def waits_for_database(
    work: Callable[Concatenate[Plan, Parameters], Result],
) -> Callable[Concatenate[Plan, Parameters], Result]:
    """Retry a transaction of the driver while the database is unreachable."""

    @wraps(work)
    def wait(plan: Plan, /, *args: Parameters.args, **options: Parameters.kwargs) -> Result:
        return plan.retry.run(lambda: work(plan, *args, **options))

    return wait

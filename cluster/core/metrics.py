"""The metrics for operators: names, units and labels. A `Meter` records them.

Names follow Prometheus: the unit comes last, and counters end with `_total`. Ray puts `ray_` before
each name. No label names a photo, a person or a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["counter", "gauge", "histogram"]

STEP_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds in seconds, from a fast batch on a GPU to a batch of photos over a slow network."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name without `ray_`, its description, its labels, a histogram's buckets."""

    name: str
    kind: Kind
    says: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


PHOTOS = Metric(
    "headcount_photos_total", "counter", "Photos that were committed.", ("phase", "outcome")
)
FACES = Metric("headcount_faces_total", "counter", "Faces that were committed.")
BATCH_SECONDS = Metric(
    "headcount_batch_seconds",
    "histogram",
    "Seconds that a step took in one batch, added up over its photos.",
    ("phase", "step"),
    STEP_BUCKETS_S,
)
PROGRESS = Metric(
    "headcount_progress_ratio", "gauge", "How far a session is, from 0 to 1.", ("session",)
)
PHASE_PROGRESS = Metric(
    "headcount_phase_progress_ratio",
    "gauge",
    "How far a phase of a session is, from 0 to 1.",
    ("session", "phase"),
)
ETA = Metric("headcount_eta_seconds", "gauge", "Time left; absent when unknown.", ("session",))
PENDING = Metric(
    "headcount_photos_pending",
    "gauge",
    "Queue depth: photos of the running phase that are not done.",
    ("session", "phase"),
)
IN_FLIGHT = Metric(
    "headcount_photos_in_flight",
    "gauge",
    "Photos that are done and not committed.",
    ("session", "phase"),
)
IN_FLIGHT_AGE = Metric(
    "headcount_in_flight_age_seconds",
    "gauge",
    "How long the oldest batch has been in flight; a batch is stuck when this keeps growing.",
    ("session", "phase"),
)
DETECTORS = Metric("headcount_detectors", "gauge", "Detectors that run.", ("session",))

METRICS = (
    PHOTOS,
    FACES,
    BATCH_SECONDS,
    PROGRESS,
    PHASE_PROGRESS,
    ETA,
    PENDING,
    IN_FLIGHT,
    IN_FLIGHT_AGE,
    DETECTORS,
)


class Meter(Protocol):
    """Records measurements; an error in recording never fails the work."""

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Add to a counter, set a gauge, or observe in a histogram."""
        ...


class NoMeter:
    """A meter that records nothing."""

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Drop the measurement."""

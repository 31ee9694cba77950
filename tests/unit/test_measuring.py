"""The metrics for operators: counters count a commit once, and gauges show the present state."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from cluster.actors.progress_actor import Progress
from cluster.core.counter_deltas import CounterDeltas
from cluster.core.metrics import (
    FACES,
    IN_FLIGHT,
    IN_FLIGHT_AGE,
    METRICS,
    PENDING,
    PHOTOS,
    PROGRESS,
    Metric,
)
from cluster.core.pictures.photos import Settled
from cluster.core.progress import PhaseCounts, PhaseSnapshot
from cluster.core.reports import InFlight, SettledReport
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.steps import StepTimes
from tests.views import view_without_database

DETECTION = PhaseName.FACE_DETECTION


class FakeMeter:
    """Adds up counters and keeps the last value of each gauge."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, ...]] = Counter()
        self.gauges: dict[str, float] = {}

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        assert set(labels) == set(metric.labels)
        if metric.kind == "counter":
            self.counted[metric.name, *labels.values()] += int(value)
        else:
            self.gauges[metric.name] = value


class Watched:
    """A live view over one running session, with a clock that the test moves."""

    def __init__(self) -> None:
        self.rows = tuple(PhaseSnapshot(name) for name in PhaseName)
        self.now = 0.0
        self.meter = FakeMeter()
        self.view = self.restarted()

    def restarted(self) -> Progress:
        return view_without_database(
            load=lambda _: self.rows, clock=lambda: self.now, meter=self.meter
        )

    def begin(self, *, total: int, attempt: int = 1, revision: int = 1) -> None:
        row = PhaseSnapshot(
            DETECTION,
            PhaseStatus.RUNNING,
            PhaseCounts(total),
            revision=revision,
            attempt=attempt,
        )
        self.rows = tuple(row if phase.name is DETECTION else phase for phase in self.rows)
        asyncio.run(self.view.reload(1))

    def settle(self, revision: int, counts: PhaseCounts, *, faces: int = 0, batch: int = 1) -> None:
        settled = Settled(revision, counts, faces)
        asyncio.run(self.view.settled(SettledReport(1, DETECTION, 1, batch, settled)))

    def fly(self, batch: int, count: int) -> None:
        asyncio.run(self.view.in_flight(InFlight(1, DETECTION, 1, batch, count)))

    def measure(self) -> None:
        asyncio.run(self.view.measure())

    def photos(self, outcome: str) -> int:
        return self.meter.counted[PHOTOS.name, DETECTION.value, outcome]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_what_a_commit_moved_is_counted_once_however_often_it_is_told(watched: Watched) -> None:
    watched.begin(total=10)
    for _ in range(3):
        watched.settle(2, PhaseCounts(10, processed=3, failed=1), faces=5)
    watched.settle(3, PhaseCounts(10, processed=6, failed=1), faces=9, batch=2)
    assert (watched.photos("processed"), watched.photos("failed")) == (6, 1)
    assert watched.meter.counted[FACES.name,] == 9


def test_a_report_that_comes_late_adds_nothing(watched: Watched) -> None:
    watched.begin(total=10)
    watched.settle(3, PhaseCounts(10, processed=6), batch=2)
    watched.settle(2, PhaseCounts(10, processed=3), batch=1)
    assert watched.photos("processed") == 6


def test_what_was_counted_before_a_restart_is_not_counted_again(watched: Watched) -> None:
    watched.begin(total=10)
    watched.settle(2, PhaseCounts(10, processed=4))
    watched.rows = tuple(
        replace(row, counts=PhaseCounts(10, processed=4), revision=2)
        if row.name is DETECTION
        else row
        for row in watched.rows
    )
    watched.view = watched.restarted()
    watched.settle(3, PhaseCounts(10, processed=7), batch=2)
    assert watched.photos("processed") == 7


def test_a_new_attempt_counts_its_own_work(watched: Watched) -> None:
    watched.begin(total=10)
    watched.settle(2, PhaseCounts(10, processed=10))
    watched.begin(total=10, attempt=2, revision=3)
    settled = Settled(4, PhaseCounts(10, processed=2))
    asyncio.run(watched.view.settled(SettledReport(1, DETECTION, 2, 7, settled)))
    assert watched.photos("processed") == 12


def test_gauges_say_what_waits_what_is_in_flight_and_since_when(watched: Watched) -> None:
    watched.begin(total=10)
    watched.fly(1, 4)
    watched.measure()
    watched.now = 25.0
    watched.measure()
    gauges = watched.meter.gauges
    assert (gauges[IN_FLIGHT.name], gauges[PENDING.name]) == (4, 6)
    assert gauges[IN_FLIGHT_AGE.name] == 25.0
    assert gauges[PROGRESS.name] == 0.26

    watched.settle(2, PhaseCounts(10, processed=4))
    watched.measure()
    assert (gauges[IN_FLIGHT.name], gauges[IN_FLIGHT_AGE.name]) == (0, 0.0)


def test_a_session_that_is_over_has_no_gauges(watched: Watched) -> None:
    watched.rows = tuple(PhaseSnapshot(name, PhaseStatus.COMPLETED) for name in PhaseName)
    asyncio.run(watched.view.reload(1))
    watched.measure()
    assert not watched.meter.gauges


def test_a_count_that_fell_and_rises_again_is_not_counted_twice() -> None:
    deltas = CounterDeltas.starting_at(1, {"processed": 2})
    assert deltas.grow_to({"processed": 5}) == {"processed": 3}
    assert deltas.grow_to({"processed": 4, "skipped": 1}) == {"skipped": 1}
    assert deltas.grow_to({"processed": 6, "skipped": 1}) == {"processed": 1}


def test_steps_add_up_until_they_are_taken() -> None:
    moments = iter([0.0, 1.5, 10.0, 10.5])
    times = StepTimes(lambda: next(moments))
    for _ in range(2):
        with times.timing("decode"):
            pass
    assert times.take() == {"decode": 2.0}
    assert times.take() == {}


def test_metrics_are_named_as_prometheus_wants_them() -> None:
    endings = {"counter": ("_total",), "histogram": ("_seconds",)}
    others = ("_seconds", "_ratio", "_pending", "_in_flight", "_detectors")
    assert all(m.name.startswith("headcount_") for m in METRICS)
    assert all(m.name.endswith(endings.get(m.kind, others)) for m in METRICS)
    assert {m.kind for m in METRICS if m.buckets} == {"histogram"}

"""What a session measures of itself: in its figures, and as Prometheus reads it from a node."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
from sqlalchemy import text

from cluster.core.metrics import ETA, METRICS
from cluster.core.session_comparison import PhaseFigures
from cluster.core.sessions import SessionStatus
from cluster.core.time_left.timing import Scope
from cluster.pipeline.workers import count_cpus
from cluster.ray_meter import RayMeter
from cluster.settings import Settings
from cluster.store.database.engine import begin
from cluster.store.sessions.session_figures import get_figures
from jobs.running.local_ray import is_for_show, list_processes
from jobs.running.ray_files import list_running
from jobs.running.runtime import Runtime
from tests.histories import add_samples
from tests.house.sources import read_text
from tests.sessions import add_session, run, running
from tests.waiting import PATIENT_S, comes_true

pytestmark = pytest.mark.long

LOOKS = 5
"""Looks a second apart that see equal counters: processes report theirs every second."""

DASHBOARD = "configs/grafana/headcount.json"

Series = dict[str, list[dict[str, str]]]
"""The labels of each series, by the name of its metric."""


HAS_ENDED = text(
    "UPDATE training_session SET status = 'completed', completed_at = now() - interval '2 years'"
    " WHERE id = :id"
)


@dataclass(frozen=True)
class Measured:
    """A runtime without a page, the number of its session, and what its node exported, as text."""

    runtime: Runtime
    session_id: int
    exported: str

    def ask(self, query: str) -> Any:
        """Return the one value that a query finds."""
        with begin(self.runtime.engine) as db:
            return db.execute(text(query)).scalar_one()

    def figures(self, session_id: int) -> tuple[PhaseFigures, ...]:
        """Return what a session measured."""
        with begin(self.runtime.engine) as db:
            return get_figures(db, session_id)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, demo_library: Path) -> Iterator[Measured]:
    """A session over the demo library, after one of two years ago."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        serve_enabled=False,
        ray_dashboard=False,
        pack="bundled",
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        ThreadPoolExecutor(1) as thread,
        ExitStack() as stack,
    ):
        patch.setenv("RAY_metrics_report_interval_ms", "1000")  # Ray's own choice is 10 seconds.
        runtime = stack.enter_context(running(settings))
        old = add_session(runtime, demo_library / "elsewhere")
        with begin(runtime.engine) as db:
            add_samples(db, old.id, Scope.TRAINING, (0, 0), (10, 40))
            db.execute(HAS_ENDED, {"id": old.id})
        session = add_session(runtime, demo_library)
        ended, lines = thread.submit(run, runtime, session), Lines()
        while not ended.done():
            ray.get(runtime.progress.measure.remote())
            lines.scrape()
            time.sleep(0.3)
        assert ended.result() is SessionStatus.COMPLETED

        totals: list[float] = []

        def is_complete() -> bool:
            # The first session of a library has no past rate to tell its time by.
            RayMeter().record(ETA, 1.0, session=str(session.id))
            lines.scrape()
            totals.append(count(lines.text, "ray_headcount_photos_total"))
            is_settled = len(totals) > LOOKS and len(set(totals[-LOOKS:])) == 1
            return is_settled and all(metric.name in lines.text for metric in METRICS)

        comes_true(is_complete, every_s=1)
        yield Measured(runtime, session.id, lines.text)


@pytest.fixture
def exported(measured: Measured) -> str:
    """What the node exported, as text."""
    return measured.exported


class Lines:
    """The newest line of each series that a node has exported.

    Its processes report every second, and a gauge that nobody sets any more is soon left out.
    """

    def __init__(self) -> None:
        node = ray.nodes()[0]
        self._url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        self._newest: dict[str, str] = {}

    @property
    def text(self) -> str:
        return "\n".join(self._newest.values())

    def scrape(self) -> None:
        with urllib.request.urlopen(self._url, timeout=PATIENT_S) as answer:
            for line in answer.read().decode().splitlines():
                self._newest[line.rpartition(" ")[0]] = line


def parse(lines: str) -> Series:
    series: Series = {}
    for name, labels in re.findall(r"^(ray_headcount_\w+)\{(.*)\} \S+$", lines, re.MULTILINE):
        series.setdefault(name, []).append(dict(re.findall(r'(\w+)="([^"]*)"', labels)))
    return series


def count(lines: str, name: str, **labels: str) -> float:
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines.splitlines()
        if line.startswith(name + "{")
        and all(f'{key}="{value}"' in line for key, value in labels.items())
    )


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(read_text(DASHBOARD))["panels"]
    return found


def test_a_node_exports_every_metric_under_its_name(exported: str) -> None:
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in parse(exported)}
    assert names == {f"ray_{metric.name}" for metric in METRICS}


def test_the_counters_equal_what_the_session_came_to(exported: str) -> None:
    photos = "ray_headcount_photos_total"
    for phase in ("training", "face_detection"):
        outcomes = ("processed", "skipped", "failed")
        counted = [count(exported, photos, phase=phase, outcome=outcome) for outcome in outcomes]
        assert sum(counted) == 61, (phase, counted)
    assert count(exported, "ray_headcount_faces_total") == 61


def test_each_panel_asks_for_metrics_and_labels_that_are_exported(exported: str) -> None:
    series = parse(exported)
    for panel in panels():
        for target in panel["targets"]:
            asked = re.findall(r"ray_headcount_\w+", target["expr"])
            assert asked, panel["title"]
            grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
            chosen = re.findall(r"(\w+)=~?\"", target["expr"])
            labels = {label.strip() for one in grouped for label in one.split(",")} | set(chosen)
            for name in asked:
                assert name in series, panel["title"]
                assert labels <= set(series[name][0]), panel["title"]


def test_no_label_names_a_photo_or_a_person(exported: str) -> None:
    labels = {label for lines in parse(exported).values() for line in lines for label in line}
    rays = {"Component", "NodeAddress", "SessionName", "Version", "WorkerId", "JobId"}
    ours = {label for label in labels - rays if not label.startswith("otel_")}
    assert ours == {label for metric in METRICS for label in metric.labels} | {"le"}


def test_a_session_measures_what_it_does_and_the_next_one_that_there_was_nothing_to_do(
    measured: Measured, demo_library: Path
) -> None:
    ask = measured.ask
    training, detection, clustering = measured.figures(measured.session_id)
    assert ask("SELECT count(*) FROM session_sample WHERE session_id = 1") == 0, "old details go"

    files = [path.stat().st_size for path in demo_library.rglob("*") if path.is_file()]
    assert 0 < training.read_bytes <= sum(files)
    searched = (
        "SELECT sum(width::bigint * height) FROM image i JOIN detection d ON d.image_id = i.id"
        " WHERE i.duration_s IS NULL"
    )
    assert detection.pixels == ask(searched)
    assert training.pixels >= detection.pixels, "duplicates are read as well"
    for phase in (training, detection, clustering):
        assert 1 <= phase.workers <= count_cpus()
        assert phase.waited_s > 0
        assert phase.per_s is not None
    assert clustering.people_gained == ask("SELECT count(*) FROM person")
    assert (clustering.people_lost, clustering.people_split) == (0, 0)

    again = add_session(measured.runtime, demo_library)
    assert run(measured.runtime, again) is SessionStatus.COMPLETED
    training, detection, clustering = measured.figures(again.id)
    for phase in (training, detection):
        assert (phase.worked, phase.pixels, phase.read_bytes, phase.workers) == (0, 0, 0, 0)
        assert phase.per_s is None
    people = (clustering.people_gained, clustering.people_lost, clustering.people_split)
    assert people == (0, 0, 0)


def test_without_its_dashboard_ray_starts_none_of_the_processes_for_show(
    measured: Measured,
) -> None:
    assert measured.runtime.urls == {}
    (this,) = list_running(measured.runtime.settings.data_dir)
    started = list_processes(Path(this.folder))
    assert len(started) > 5
    assert [one.pid for one in started if is_for_show(one)] == []

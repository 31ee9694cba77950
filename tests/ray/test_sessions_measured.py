"""What a real session measures of its own work, and that it forgets old details when it begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from cluster.core.session_comparison import PhaseFigures
from cluster.core.sessions import SessionStatus
from cluster.core.time_left.timing import Scope
from cluster.pipeline.workers import count_cpus
from cluster.settings import Settings
from cluster.store.database.engine import begin
from cluster.store.sessions.session_figures import get_figures
from jobs.running.runtime import Runtime
from tests.histories import add_samples
from tests.sessions import add_session, run, running

pytestmark = pytest.mark.long

HAS_ENDED = text(
    "UPDATE training_session SET status = 'completed', completed_at = now() - interval '2 years'"
    " WHERE id = :id"
)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), serve_enabled=False, pack="bundled"
    )
    with running(settings) as opened:
        yield opened


def ask(runtime: Runtime, query: str) -> Any:
    with begin(runtime.engine) as db:
        return db.execute(text(query)).scalar_one()


def measure(runtime: Runtime, library: Path) -> tuple[PhaseFigures, ...]:
    session = add_session(runtime, library)
    assert run(runtime, session) is SessionStatus.COMPLETED
    with begin(runtime.engine) as db:
        return get_figures(db, session.id)


def test_a_session_measures_what_it_does_and_the_next_one_that_there_was_nothing_to_do(
    runtime: Runtime, demo_library: Path
) -> None:
    old = add_session(runtime, demo_library / "elsewhere")
    with begin(runtime.engine) as db:
        add_samples(db, old.id, Scope.TRAINING, (0, 0), (10, 40))
        db.execute(HAS_ENDED, {"id": old.id})

    training, detection, clustering = measure(runtime, demo_library)
    assert ask(runtime, "SELECT count(*) FROM session_sample WHERE session_id = 1") == 0

    files = [path.stat().st_size for path in demo_library.rglob("*") if path.is_file()]
    assert 0 < training.read_bytes <= sum(files)
    searched = (
        "SELECT sum(width::bigint * height) FROM image i JOIN detection d ON d.image_id = i.id"
        " WHERE i.duration_s IS NULL"
    )
    assert detection.pixels == ask(runtime, searched)
    assert training.pixels >= detection.pixels, "duplicates are read as well"
    for phase in (training, detection, clustering):
        assert 1 <= phase.workers <= count_cpus()
        assert phase.waited_s > 0
        assert phase.per_s is not None
    assert clustering.people_gained == ask(runtime, "SELECT count(*) FROM person")
    assert (clustering.people_lost, clustering.people_split) == (0, 0)

    training, detection, clustering = measure(runtime, demo_library)
    for phase in (training, detection):
        assert (phase.worked, phase.pixels, phase.read_bytes, phase.workers) == (0, 0, 0, 0)
        assert phase.per_s is None
    people = (clustering.people_gained, clustering.people_lost, clustering.people_split)
    assert people == (0, 0, 0)

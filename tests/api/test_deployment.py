"""The application as a Ray Serve deployment, with the ProgressActor behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import ray
from ray import serve
from sqlalchemy import Engine

from cluster.actors.progress_actor import ACTOR_NAME
from cluster.core.pictures.photos import FoundPhoto
from cluster.core.sessions import Move
from cluster.settings import Settings, settings_as_options
from cluster.store.database.engine import begin
from cluster.store.items.discovery import add_found
from cluster.store.sessions.session_rows import create_session, move_session
from serve.deployment import deploy
from tests.api.running import PACK, get_progress, now
from tests.headcount import find_free_port
from tests.local_ray import local_ray
from tests.waiting import PATIENT_S, wait_until

pytestmark = [pytest.mark.long, pytest.mark.whole]

NAMESPACE = "headcount-test"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of Ray Serve on a Ray that belongs to this test alone."""
    port = find_free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setattr("ray.serve._private.api.HTTP_PROXY_TIMEOUT", PATIENT_S)
        with local_ray(num_cpus=2, namespace=NAMESPACE, include_dashboard=False):
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            yield port
            serve.shutdown()


@pytest.fixture
def api(port: int, database_url: str, library: Path) -> Iterator[httpx.Client]:
    settings = Settings(port=port, allowed_roots=[library])
    options = {**settings_as_options(settings), "database_url": database_url}
    deploy(options, namespace=NAMESPACE, dashboard_address="http://127.0.0.1:1")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENT_S) as client:
        yield client
    ray.kill(ray.get_actor(ACTOR_NAME, namespace=NAMESPACE))


def test_a_replica_answers_from_the_progress_actor_and_from_the_rows_while_that_restarts(
    api: httpx.Client, engine: Engine
) -> None:
    wait_until(lambda: api.get("/readyz").json() == {"status": "ready"}, "the live view is up")
    assert api.get("/").headers["content-security-policy"]
    with begin(engine) as db:
        session = create_session(db, root="/photos", name=None, pack=PACK, options={}, now=now())
        move_session(db, session.id, Move.START, now=now())
        add_found(db, session.id, [FoundPhoto("/photos/1.jpg", 1, 1)], pack=PACK)
    first = get_progress(api, session.id)
    assert first["phases"]["training"]["progress"]["total"] == 1

    assert api.get("/api/v1/training/4711/progress/unified").status_code == 404

    ray.kill(ray.get_actor(ACTOR_NAME, namespace=NAMESPACE), no_restart=False)
    second = get_progress(api, session.id)
    assert second["phases"] == first["phases"]
    assert second["version"] >= first["version"]

    with api.stream("GET", f"/api/v1/training/{session.id}/events") as stream:
        lines = stream.iter_lines()
        assert "event: progress" in next(lines)
        with begin(engine) as db:
            move_session(db, session.id, Move.CANCEL, now=now())
        # No worker reports this; without reports, the replica reads the rows of the session.
        assert any('"overallStatus":"cancelled"' in line for line in lines)


def test_a_session_that_cannot_be_submitted_is_a_problem(api: httpx.Client, library: Path) -> None:
    answer = api.post("/api/v1/training", json={"rootPath": str(library)})
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "urn:headcount:problem:job-not-submitted"
    (session,) = api.get("/api/v1/training").json()["sessions"]
    assert session["status"] == "failed"

"""`serve deploy configs/serve.yaml` on a Ray that is up: replicas agree, updates fail nothing."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import ray
import yaml
from ray import serve
from sqlalchemy import Engine

from cluster.core.pictures.photos import FoundPhoto
from cluster.core.sessions import Move
from cluster.environment import prepare_environment
from cluster.store.database.engine import begin
from cluster.store.items.discovery import add_found
from cluster.store.sessions.session_rows import create_session, move_session
from tests.api.running import PACK, now
from tests.headcount import PROJECT_DIR, find_free_port
from tests.local_ray import local_ray
from tests.waiting import PATIENT_S, wait_until

TIMES = {"counting", "etaSeconds", "etaLow", "etaHigh", "timePercentage"}

pytestmark = pytest.mark.long


@dataclass
class Deployed:
    """A Ray with a dashboard, and the file that was deployed on it."""

    dashboard: str
    file: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deploy(self, **arguments: object) -> None:
        """Deploy configs/serve.yaml for a small machine, with these settings."""
        config: dict[str, Any] = yaml.safe_load((PROJECT_DIR / "configs/serve.yaml").read_text())
        config["http_options"] = {"host": "127.0.0.1", "port": self.port}
        (application,) = config["applications"]
        application["args"] = arguments
        (deployment,) = application["deployments"]
        deployment["ray_actor_options"] = {"num_cpus": 0.1}
        deployment["graceful_shutdown_timeout_s"] = 10
        self.file.write_text(yaml.safe_dump(config))
        command = [PROJECT_DIR / ".venv/bin/serve", "deploy", "--address", self.dashboard]
        done = subprocess.run(
            [*command, self.file], capture_output=True, text=True, check=False, cwd=PROJECT_DIR
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def wait_until(self, status: str) -> None:
        """Wait until the application has this status, as `serve status` says it."""

        def has_status() -> bool:
            application = serve.status().applications.get("headcount")
            return application is not None and application.status == status

        wait_until(has_status, f"the application is {status}", every_s=0.2)


HAPROXY = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_HAPROXY_METRICS_PORT": str(find_free_port()),
    "RAY_SERVE_HAPROXY_STATS_PORT": str(find_free_port()),
}


@pytest.fixture(params=[{}, pytest.param(HAPROXY, marks=pytest.mark.drill)], ids=["", "haproxy"])
def deployed(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Deployed]:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="hc-") as folder:
        # The nodes' environment, as the image or the manifest would set it.
        patch.setenv("HEADCOUNT_DATABASE_URL", database_url)
        patch.setenv("HEADCOUNT_ALLOW_WITHOUT_TOKEN", "true")
        patch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
        for name, value in request.param.items():
            patch.setenv(name, value)
        prepare_environment()
        options = {"include_dashboard": True, "dashboard_port": find_free_port()}
        with local_ray(num_cpus=2, _temp_dir=folder, **options) as context:
            file, port = tmp_path / "serve.yaml", find_free_port()
            yield Deployed(f"http://{context.dashboard_url}", file, port)
            serve.shutdown()


@dataclass
class Clients:
    """Threads that ask without a pause, and what they were answered."""

    url: str
    path: str
    answers: Counter[str] = field(default_factory=Counter)
    _ending: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Clients:
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._ending.is_set():
            try:
                answer = str(httpx.get(self.url + self.path, timeout=PATIENT_S).status_code)
            except httpx.HTTPError as error:
                answer = repr(error)
            self.answers[answer] += 1


def count_replicas() -> int:
    deployment = serve.status().applications["headcount"].deployments["http"]
    return deployment.replica_states.get("RUNNING", 0)


def test_replicas_answer_alike_and_an_update_fails_no_request(
    deployed: Deployed, engine: Engine
) -> None:
    deployed.deploy(pack=PACK)
    deployed.wait_until("RUNNING")
    assert count_replicas() == 2
    with begin(engine) as db:
        session = create_session(db, root="/photos", name=None, pack=PACK, options={}, now=now())
        move_session(db, session.id, Move.START, now=now())
        add_found(db, session.id, [FoundPhoto("/photos/1.jpg", 1, 1)], pack=PACK)
    path = f"/api/v1/training/{session.id}/progress/unified"

    # A new connection may go to either replica.
    bodies = [httpx.get(deployed.url + path, timeout=PATIENT_S).json() for _ in range(20)]
    for body in bodies:  # The version may change meanwhile, with what is said of the time.
        (first, *_) = [other for other in bodies if other["version"] == body["version"]]
        assert without_times(body) == without_times(first)

    with Clients(deployed.url, path) as clients:
        before = set(list_replica_ids())
        deployed.deploy(pack=PACK, min_score=0.4)
        wait_until(lambda: not before & set(list_replica_ids()), "the replicas are new ones")
        deployed.wait_until("RUNNING")
    assert set(clients.answers) == {"200"}, clients.answers


def without_times(value: Any) -> Any:
    """A body without the times left, which count down between two versions."""
    if not isinstance(value, dict):
        return value
    return {key: without_times(part) for key, part in value.items() if key not in TIMES}


def list_replica_ids() -> list[str]:
    """The actors of the running replicas."""
    names = ray.util.list_named_actors(all_namespaces=True)
    return [named["name"] for named in names if named["name"].startswith("SERVE_REPLICA::")]

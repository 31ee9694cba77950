"""The application on real PostgreSQL and the plain live view, on a free port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from cluster.actors.progress_actor import Progress
from cluster.store.sessions.session_rows import SessionInfo
from serve.app import AppParts, build_app
from tests.api.running import RunningApp, Worker
from tests.views import view_of
from tests.waiting import PATIENT_S

Start = Callable[..., httpx.Client]


class FakeCluster:
    """Accepts every job, or refuses all of them with `error`."""

    def __init__(self) -> None:
        self.submitted: list[SessionInfo] = []
        self.error: Exception | None = None

    def __call__(self, session: SessionInfo) -> str:
        if self.error is not None:
            raise self.error
        self.submitted.append(session)
        return f"job-{session.id}"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder that may be indexed, with one photo."""
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "one.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture
def jobs() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def progress(engine: Engine) -> Progress:
    return view_of(engine)


@pytest.fixture
def parts(engine: Engine, progress: Progress, library: Path, jobs: FakeCluster) -> AppParts:
    return AppParts(
        engine=engine, progress=progress, submit=jobs, allowed_roots=(str(library),), pack="bundled"
    )


@pytest.fixture
def start(parts: AppParts) -> Iterator[Start]:
    """Start the application with some parts replaced, and return a client of it."""
    with ExitStack() as stack:

        def start_app(running: RunningApp | None = None, **options: Any) -> httpx.Client:
            app = running or RunningApp(build_app(parts))
            url = stack.enter_context(app.listen())
            return stack.enter_context(
                httpx.Client(base_url=url, timeout=PATIENT_S, verify=False, **options)
            )

        yield start_app


@pytest.fixture
def running(parts: AppParts) -> RunningApp:
    return RunningApp(build_app(parts))


@pytest.fixture
def api(start: Start, running: RunningApp) -> httpx.Client:
    """A client of the running application."""
    return start(running)


@pytest.fixture
def worker(engine: Engine, running: RunningApp, progress: Progress, api: httpx.Client) -> Worker:
    """A worker on a new session."""
    worker = Worker(engine, running, progress)
    worker.create_session()
    return worker

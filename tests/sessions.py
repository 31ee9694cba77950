"""Whole sessions inside the test's own process, on the Ray and the database of its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cluster.core.sessions import SessionStatus
from cluster.pipeline.plan import Plan
from cluster.pipeline.run import run_session
from cluster.pipeline.workers import WorkerPool
from cluster.settings import Settings
from cluster.store.database.engine import begin
from cluster.store.sessions.session_locks import lock_session
from cluster.store.sessions.session_rows import SessionInfo, create_session
from cluster.vision.packs.pack_files import BUNDLED, resolve_pack
from jobs.running.plans import make_plan
from jobs.running.runtime import Runtime, open_database, open_runtime


@contextmanager
def running(settings: Settings) -> Iterator[Runtime]:
    """Yield the runtime of these settings, as the commands open it."""
    with (
        open_database(settings) as (url, engine),
        open_runtime(settings, url=url, engine=engine) as runtime,
    ):
        yield runtime


def add_session(runtime: Runtime, root: Path | str) -> SessionInfo:
    """Make a session over `root` with the bundled pack."""
    now = datetime.now(UTC)
    with begin(runtime.engine) as db:
        return create_session(db, root=str(root), name=None, pack=BUNDLED, options={}, now=now)


def run(
    runtime: Runtime, session: SessionInfo, *, change: Callable[[Plan], Plan] = lambda plan: plan
) -> SessionStatus:
    """Run a session to its end with some values of its plan changed; may be called in a thread."""
    with lock_session(runtime.engine, session.id) as lock:
        plan = change(make_plan(runtime, session, resolve_pack(BUNDLED)))
        pool = WorkerPool(plan)
        try:
            while not pool.wait_until_ready(timeout_s=1.0):
                pass
            return run_session(plan, pool, is_interrupted=lambda: False, lock=lock)
        finally:
            pool.stop()

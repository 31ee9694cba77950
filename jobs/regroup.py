"""`python -m jobs.regroup`: group the faces into people again, without reading photos.

People keep their ids and names as far as their faces stay together. The exit codes are those of
jobs.train.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from cluster.core.errors import HeadcountError, IllegalMove, NotFound, SessionBusy
from cluster.core.progress import UnifiedProgress
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.pipeline.run import claim_session, fail_run
from cluster.settings import Settings, load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.items.new_attempts import restart_session
from cluster.store.sessions.phase_rows import get_snapshots
from cluster.store.sessions.session_locks import lock_session
from cluster.store.sessions.session_rows import SessionInfo, get_session, list_sessions
from jobs.running.command import BAD_ARGUMENTS, as_command, run_command
from jobs.running.interrupts import Interrupt
from jobs.running.plans import make_plan, open_pack
from jobs.running.runtime import open_database, open_runtime
from jobs.running.terminal import ask_progress
from jobs.train import EXIT_CODES, run_with_workers

RECENT_SESSIONS = 1000


def main(arguments: list[str] | None = None) -> int:
    """Cluster again and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jobs.regroup", description=__doc__)
    parser.add_argument(
        "--session", type=int, metavar="ID", help="default: the newest session with all faces"
    )
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    options = parser.parse_args(arguments)
    return run_command(
        lambda: run(load_settings(config=options.config), options.session),
        exit_codes={SessionBusy: BAD_ARGUMENTS, IllegalMove: BAD_ARGUMENTS},
    )


def run(settings: Settings, session_id: int | None) -> int:
    """Cluster the session's pack again, print the result, and return the exit code."""
    console, interrupt = Console(highlight=False), Interrupt()
    # No page is served: it would be open for seconds, and one may be open at the same port.
    settings = settings.model_copy(update={"serve_enabled": False})
    with open_database(settings) as (url, engine):
        session = choose_session(engine, session_id)
        pack = open_pack(session, settings, chosen=None)
        with (
            lock_session(engine, session.id) as lock,
            open_runtime(settings, url=url, engine=engine) as runtime,
            interrupt.caught(),
        ):
            restart(engine, session)
            ask = runtime.retry.run(partial(ask_progress, runtime.progress, session.id))
            try:
                claim_session(engine, session.id)
                plan = make_plan(runtime, session, pack)
                status = run_with_workers(plan, runtime, ask, interrupt, lock)
            except SessionBusy:
                raise  # Another driver runs the session, so it must not fail here.
            except HeadcountError as error:
                fail_run(engine, session.id, str(error), lock=lock)
                raise
            console.print(describe_result(ask()))
    return EXIT_CODES[status]


def choose_session(engine: Engine, session_id: int | None) -> SessionInfo:
    """Return the session to cluster again. Raises NotFound if none has completed detection."""
    with begin(engine) as db:
        if session_id is not None:
            sessions = [get_session(db, session_id)]
        else:
            sessions = list_sessions(db, limit=RECENT_SESSIONS)
        for session in sessions:
            before = [one for one in get_snapshots(db, session.id) if one.name.counts_photos]
            if all(phase.status is PhaseStatus.COMPLETED for phase in before):
                return session
    if session_id is not None:
        raise NotFound("completed face detection in session", session_id)
    raise NotFound("session with completed face detection", "yet")


def restart(engine: Engine, session: SessionInfo) -> None:
    """Begin a new attempt at clustering if the session has ended; otherwise it just continues."""
    if not session.status.is_terminal:
        return
    with begin(engine) as db:
        restart_session(db, session.id, PhaseName.CLUSTERING, now=datetime.now(UTC))


def describe_result(progress: UnifiedProgress) -> str:
    """Return one line with the result and the duration of clustering."""
    phase = progress.phase(PhaseName.CLUSTERING)
    if phase.result is None or phase.started_at is None or phase.completed_at is None:
        return f"Clustering {phase.status}."
    seconds = (phase.completed_at - phase.started_at).total_seconds()
    result = phase.result
    return (
        f"{result.clusters_found} people from {result.faces_clustered} faces, "
        f"{result.faces_ungrouped} faces ungrouped, {seconds:.1f} seconds"
    )


if __name__ == "__main__":
    sys.exit(as_command(main))

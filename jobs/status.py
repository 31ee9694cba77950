"""`python -m jobs.status ID`: show the progress of a session, as the HTTP interface does.

The answer comes from the live view if a Ray cluster is running for the library, otherwise from the
database. `--json` prints the body of `GET /api/v1/training/ID/progress/unified`. Exit codes: 0
shown, 2 no such session, or the progress cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import ray
from ray.exceptions import RayError
from rich.console import Console

from cluster.actors.progress_actor import ACTOR_NAME
from cluster.core.errors import HeadcountError, RayUnavailable
from cluster.core.printable import to_printable
from cluster.core.progress import PhaseProgress, UnifiedProgress, unify
from cluster.environment import prepare_environment
from cluster.settings import (
    Settings,
    load_settings,
    name_namespace,
    phase_weights,
)
from cluster.store.sessions.phase_rows import load_snapshots
from jobs.running.command import BAD_ARGUMENTS, as_command, run_command
from jobs.running.local_ray import connect, find_clusters
from jobs.running.runtime import open_database
from jobs.running.terminal import TITLES, write_line
from serve.bodies.progress_bodies import ProgressBody

ANSWER_S = 5


def main(arguments: list[str] | None = None) -> int:
    """Print the progress and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jobs.status", description=__doc__)
    parser.add_argument("session", type=int, metavar="ID")
    parser.add_argument("--json", action="store_true", help="print the body of the HTTP answer")
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    options = parser.parse_args(arguments)
    return run_command(partial(show, options), exit_codes={HeadcountError: BAD_ARGUMENTS})


def show(options: argparse.Namespace) -> int:
    """Print the progress and return 0. Raises HeadcountError if it cannot be read."""
    progress = read_progress(load_settings(config=options.config), options.session)
    if options.json:
        print(ProgressBody.from_progress(progress).model_dump_json(indent=2))
    else:
        print_progress(progress, Console(highlight=False))
    return 0


def read_progress(settings: Settings, session_id: int) -> UnifiedProgress:
    """Return the progress from the live view or the rows, whichever is ahead. Raises NotFound."""
    with open_database(settings) as (url, engine):
        namespace = name_namespace(url)
        phases = load_snapshots(engine, session_id)
        addresses = find_clusters(settings)
    rows = unify(session_id, phases, version=0, weights=phase_weights(settings))
    live = (ask_live_view(a, session_id, namespace=namespace) for a in addresses)
    # Among several runs over one library, the live view of the run with the session is ahead.
    return max([rows, *filter(None, live)], key=lambda shown: shown.percentage)


def ask_live_view(address: str, session_id: int, *, namespace: str) -> UnifiedProgress | None:
    """Return the answer of the ProgressActor; None when it cannot be reached."""
    prepare_environment()
    try:
        connect(address, namespace=namespace)
        actor = ray.get_actor(ACTOR_NAME, namespace=namespace)
        answer: UnifiedProgress = ray.get(actor.show.remote(session_id), timeout=ANSWER_S)
    except (RayError, RayUnavailable, ConnectionError, ValueError, TimeoutError):
        return None
    finally:
        ray.shutdown()
    return answer


def print_progress(progress: UnifiedProgress, console: Console) -> None:
    """Print one line for the session and one for each phase."""
    console.print(
        f"Session {progress.session_id}: {write_line(progress)}", markup=False, soft_wrap=True
    )
    for phase in progress.phases:
        line = f"  {TITLES[phase.name]:<15} {to_printable(describe_phase(phase))}"
        console.print(line, markup=False, soft_wrap=True)


def describe_phase(phase: PhaseProgress) -> str:
    """Return one line with the status and the counts of a phase."""
    counts = f"{phase.processed} processed, {phase.skipped} skipped, {phase.failed} failed"
    parts = [f"{phase.status:<10} {phase.percentage:6.2f} %", f"{phase.current} of {phase.total}"]
    parts += [counts, *([f"attempt {phase.attempt}"] if phase.attempt > 1 else [])]
    return "  ".join([*parts, *([phase.error] if phase.error else [])])


if __name__ == "__main__":
    sys.exit(as_command(main))

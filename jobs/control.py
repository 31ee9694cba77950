"""`python -m jobs.control MOVE ID`: pause, resume, cancel, restart or retry a session.

Works on the database, with or without a server. A session that continues is submitted to the Ray
cluster of its library. If no cluster is running, the session runs here, as with `python -m
jobs.train --resume ID`, and with the same exit codes. Otherwise: 0 done, 1 the cluster did not
accept the job, 2 the move is not possible.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.core.errors import BadSetting, IllegalMove
from cluster.core.sessions import Move, PhaseName
from cluster.settings import Settings, load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.items.new_attempts import restart_session, retry_session
from cluster.store.sessions.session_rows import SessionInfo, check_move
from jobs.running.command import BAD_ARGUMENTS, as_command, run_command
from jobs.running.local_ray import find_clusters
from jobs.running.runtime import make_job_environment, open_database
from jobs.train import Request
from jobs.train import run as run_here
from serve.session_control import SessionControl
from serve.submit import JobSubmitter

DONE = 0
STOPS = (Move.PAUSE, Move.CANCEL)


@dataclass(frozen=True, slots=True)
class Wish:
    """The move that the command line asks for."""

    session_id: int
    move: Move
    phase: PhaseName | None
    failed_only: bool


def main(arguments: list[str] | None = None) -> int:
    """Make the move and return the exit code."""
    options = build_parser().parse_args(arguments)
    return run_command(
        lambda: run(load_settings(config=options.config), check_wish(options)),
        exit_codes={IllegalMove: BAD_ARGUMENTS},
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    moves = [move.value for move in Move if move.is_users]
    parser = argparse.ArgumentParser(prog="python -m jobs.control", description=__doc__)
    parser.add_argument("move", choices=moves)
    parser.add_argument("session", type=int, metavar="ID")
    parser.add_argument("--phase", choices=list(PhaseName), help="the phase to restart or retry")
    parser.add_argument("--failed-only", action="store_true", help="restart only failed photos")
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def check_wish(options: argparse.Namespace) -> Wish:
    """Return the requested move. Raises BadSetting if the options do not fit it."""
    move = Move(options.move)
    phase = PhaseName(options.phase) if options.phase else None
    if move is Move.RESTART and phase is None:
        raise BadSetting("--phase", "name the phase to restart.")
    if move is Move.RETRY and phase is not None and not phase.counts_photos:
        raise BadSetting("--phase", f"photos do not fail in {phase}; restart it instead.")
    return Wish(options.session, move, phase, options.failed_only)


def run(settings: Settings, wish: Wish) -> int:
    """Make the move; a session that continues runs on the library's cluster, or in this process."""
    with open_database(settings) as (_, engine):
        address = next(iter(find_clusters(settings)), None)
        if address is not None or wish.move in STOPS:
            control = SessionControl(engine, make_submitter(settings, address), _now)
            print(describe(make_move(control, wish)))
            return DONE
        prepare(engine, wish)
    print(f"No Ray cluster is running for this library: session {wish.session_id} runs here.")
    return run_here(settings, Request(resume=wish.session_id))


def make_submitter(settings: Settings, address: str | None) -> JobSubmitter:
    """Return the submitter for the cluster at `address`; a pause or cancellation needs none."""
    environment = make_job_environment(settings, address=address) if address else {}
    return JobSubmitter(address=address or "", python=sys.executable, runtime_env=environment)


def make_move(control: SessionControl, wish: Wish) -> SessionInfo:
    """Make a user's move and return the session after it."""
    if wish.move is Move.RESUME:
        return control.resume(wish.session_id)
    if wish.move is Move.RETRY:
        return control.retry(wish.session_id, wish.phase)
    if wish.move is Move.RESTART and wish.phase is not None:
        return control.restart(wish.session_id, wish.phase, failed_only=wish.failed_only)
    return control.stop(wish.session_id, wish.move)


def prepare(engine: Engine, wish: Wish) -> None:
    """Make the move in the database; the session must be run afterwards."""
    session_id, phase, now = wish.session_id, wish.phase, _now()
    with begin(engine) as db:
        if wish.move is Move.RESUME:
            check_move(db, session_id, wish.move)
        elif wish.move is Move.RETRY:
            retry_session(db, session_id, phase=phase, now=now)
        elif phase is not None:
            restart_session(db, session_id, phase, failed_only=wish.failed_only, now=now)


def describe(session: SessionInfo) -> str:
    """Return one line with the new status and the job of the session."""
    job = f", Ray job {session.job_id}" if session.job_id else ""
    return f"Session {session.id} is {session.status}{job}."


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(as_command(main))

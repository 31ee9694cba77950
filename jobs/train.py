"""`python -m jobs.train --root DIR`: run one session from start to end.

The same command is the entry point of a Ray job. If a user has paused or cancelled the session in
the meantime, the job does nothing, and exits with the code of the session's status. Exit codes: 0
completed, 1 failed or cancelled, 2 bad arguments, 3 paused, 130 interrupted (which pauses).
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import ray
from ray.exceptions import RayTaskError
from rich.console import Console

from cluster.core.errors import BadRoot, HeadcountError, IllegalMove, PackNotFound, SessionBusy
from cluster.core.notices import Channel
from cluster.core.printable import to_printable
from cluster.core.progress import UnifiedProgress
from cluster.core.sessions import Move, PhaseStatus, SessionStatus, apply_move
from cluster.environment import submission_id_from_environment
from cluster.pipeline.plan import Plan
from cluster.pipeline.run import BEGINNINGS, claim_session, fail_run, run_session
from cluster.pipeline.workers import WorkerPool
from cluster.server_settings import check_local_server
from cluster.settings import Settings, load_settings
from cluster.store.database.engine import Engine, begin
from cluster.store.sessions.phase_rows import get_snapshots
from cluster.store.sessions.session_locks import SessionLock, lock_session
from cluster.store.sessions.session_rows import SessionInfo, get_session, set_job
from cluster.vision.packs.pack_files import Pack
from jobs.dry_run_report import look_first
from jobs.running.announcing import announce_to, check_channels, send_what_is_due
from jobs.running.backing_up import back_up_after, back_up_at_times
from jobs.running.command import BAD_ARGUMENTS, as_command, run_command
from jobs.running.interrupts import Interrupt
from jobs.running.local_ray import named_address
from jobs.running.plans import choose_session, describe_plan, make_plan, normalise_root, open_pack
from jobs.running.root_checks import check_root_and_pack
from jobs.running.runtime import (
    Runtime,
    build_retry_policy,
    open_database,
    open_runtime,
    start_serve,
)
from jobs.running.summary import print_summary, read_summary
from jobs.running.terminal import ask_progress, show_live

EXIT_CODES = {
    SessionStatus.COMPLETED: 0,
    SessionStatus.FAILED: 1,
    SessionStatus.CANCELLED: 1,
    SessionStatus.PAUSED: 3,
    SessionStatus.PENDING: 3,
}
REQUEST_ERRORS: dict[type[HeadcountError], int] = {
    BadRoot: BAD_ARGUMENTS,
    PackNotFound: BAD_ARGUMENTS,
    IllegalMove: BAD_ARGUMENTS,
}
"""The exit codes of errors in the request. They extend EXIT_CODES of jobs/running/command.py."""

READY_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Request:
    """The checked options of the command line."""

    root: str | None = None
    name: str | None = None
    resume: int | None = None
    if_waiting: bool = False
    keep: bool = False
    pack: Pack | None = None
    channels: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One running session: its request, its runtime, its lock, and the user's terminal."""

    session: SessionInfo
    request: Request
    runtime: Runtime
    interrupt: Interrupt
    lock: SessionLock
    console: Console

    @property
    def keeps_serving(self) -> bool:
        """True if the page or the dashboard stays open after the session, until Ctrl-C."""
        is_wanted = self.request.keep or self.console.is_terminal
        return is_wanted and bool(self.runtime.urls) and not self.interrupt.is_set


def main(arguments: list[str] | None = None) -> int:
    """Run one session and return the exit code."""
    options = build_parser().parse_args(arguments)
    # A job that starts too late has nothing to do, which is not an error. For a command it is one.
    busy = EXIT_CODES[SessionStatus.COMPLETED] if options.if_waiting else BAD_ARGUMENTS
    return run_command(
        partial(read_and_run, options), exit_codes=REQUEST_ERRORS | {SessionBusy: busy}
    )


def read_and_run(options: argparse.Namespace) -> int:
    """Check the settings and the request, run the session, and return the exit code.

    Raises BadSetting, BadRoot or PackNotFound before anything is started.
    """
    settings = load_settings(config=options.config, options={"pack": options.pack})
    if options.dry_run or options.json:
        return look_first(options, settings)
    if named_address(settings) is None and settings.serve_enabled:
        check_local_server(settings)
    channels = check_channels(settings, options.notify)
    return run(settings, replace(check_request(options, settings), channels=channels))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m jobs.train", description="Find the people in a folder of photos."
    )
    parser.add_argument("--root", help="the folder or fsspec URL of the photos")
    parser.add_argument("--name", help="a name for the session")
    parser.add_argument("--pack", help="a face model pack: a name, a folder, bundled, or auto")
    parser.add_argument("--resume", type=int, metavar="ID", help="continue this session")
    parser.add_argument(
        "--if-waiting",
        action="store_true",
        help="with --resume, for jobs: only if the session still waits for its job",
    )
    parser.add_argument(
        "--notify",
        action="append",
        default=[],
        metavar="URL",
        help="a URL that gets a message at the end; repeatable",
    )
    parser.add_argument("--keep", action="store_true", help="keep serving when the session ends")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="show what a session would find and how long it would take; start none",
    )
    parser.add_argument("--json", action="store_true", help="with --dry-run: print JSON")
    parser.add_argument("--config", type=Path, help="a YAML file with settings")
    return parser


def check_request(options: argparse.Namespace, settings: Settings) -> Request:
    """Return the checked request, before anything is started.

    Raises BadSetting, BadRoot or PackNotFound. The root and pack of a session to resume are checked
    later, where an error fails the session.
    """
    if options.resume is not None:
        root = None if options.root is None else normalise_root(options.root)
        return Request(
            root, resume=options.resume, if_waiting=options.if_waiting, keep=options.keep
        )
    root, pack = check_root_and_pack(options.root, settings)
    return Request(root, options.name, keep=options.keep, pack=pack)


def run(settings: Settings, request: Request) -> int:
    """Open the database and Ray, run the session, and return the exit code."""
    console = Console(highlight=False)
    retry, interrupt = build_retry_policy(settings), Interrupt()
    with ExitStack() as stack:
        url, engine = stack.enter_context(open_database(settings))
        session = retry.run(partial(find_session, engine, request))
        stack.enter_context(told_to_session(engine, session.id))
        lock = retry.run(lambda: stack.enter_context(lock_session(engine, session.id)))
        status = retry.run(
            partial(check_can_run, engine, session.id, if_waiting=request.if_waiting)
        )
        if request.if_waiting and status not in BEGINNINGS:
            console.print(f"Session {session.id} is {status}; it does not wait for this job.")
            return EXIT_CODES[status]
        retry.run(partial(announce_to, engine, session.id, settings, request.channels))
        stack.enter_context(interrupt.caught())
        runtime = stack.enter_context(open_runtime(settings, url=url, engine=engine))
        # Installed again, because Ray replaces the handler of SIGTERM when it starts.
        stack.enter_context(interrupt.caught())
        return run_to_the_end(Run(session, request, runtime, interrupt, lock, console))


@contextmanager
def told_to_session(engine: Engine, session_id: int) -> Iterator[None]:
    """Store an error that keeps a Ray job from starting its session as the session's error.

    The output of a job is rarely read. A command prints the error instead, and its session stays
    pending.
    """
    try:
        yield
    except (SessionBusy, IllegalMove):
        raise
    except HeadcountError as error:
        if submission_id_from_environment() is not None:
            fail_run(engine, session_id, str(error), lock=None)
        raise


def find_session(engine: Engine, request: Request) -> SessionInfo:
    """Return the session of the request: a new one, or one to continue."""
    return choose_session(
        engine,
        root=request.root,
        name=request.name,
        resume=request.resume,
        pack=request.pack,
        now=datetime.now(UTC),
    )


def check_can_run(engine: Engine, session_id: int, *, if_waiting: bool) -> SessionStatus:
    """Return the session's status. Raises IllegalMove if it cannot run, unless `if_waiting`."""
    with begin(engine) as db:
        status = get_session(db, session_id).status
    if status not in BEGINNINGS and not if_waiting:
        apply_move(status, Move.RESUME)
    return status


def run_to_the_end(run: Run) -> int:
    """Run the session, keep serving if requested, and return the exit code."""
    run.runtime.retry.run(partial(name_job, run.runtime.engine, run.session.id))
    status = run_watched(run)
    send_what_is_due(run.runtime, run.session.id, interrupt=run.interrupt)
    if run.keeps_serving:
        wait_for_interrupt(run)
    elif run.interrupt.is_set and status is SessionStatus.PAUSED:
        return run.interrupt.exit_code
    return EXIT_CODES[status]


def name_job(engine: Engine, session_id: int) -> None:
    """Store the id of the Ray job that runs the session; None for a command."""
    with begin(engine) as db:
        set_job(db, session_id, submission_id_from_environment())


def run_watched(run: Run) -> SessionStatus:
    """Run the session, showing its progress, print its summary, and return its status."""
    session, runtime = run.session, run.runtime
    ask = runtime.retry.run(partial(ask_progress, runtime.progress, session.id))
    try:
        if_waiting = run.request.if_waiting
        runtime.retry.run(partial(claim_session, runtime.engine, session.id, if_waiting=if_waiting))
        pack = open_pack(session, runtime.settings, chosen=run.request.pack)
        plan = make_plan(runtime, session, pack)
        run.console.print(to_printable(describe_plan(plan, session)), markup=False, soft_wrap=True)
        status = run_with_workers(plan, runtime, ask, run.interrupt, run.lock)
    except SessionBusy:
        raise  # Another driver runs the session, so it must not fail here.
    except Exception as error:  # The boundary of a session: any error fails it.
        if not isinstance(error, HeadcountError):
            traceback.print_exc()
        fail_run(runtime.engine, session.id, describe_error(error), lock=run.lock)
        ray.get(runtime.progress.reload.remote(session.id))
        status = SessionStatus.FAILED
    summary = runtime.retry.run(partial(read_summary, runtime.engine, session.id, ask()))
    backed_up = {} if run.interrupt.is_set else back_up_after(runtime.engine, runtime.settings)
    print_summary(summary, run.console, urls={**backed_up, **urls_that_stay(run)})
    return status


def urls_that_stay(run: Run) -> dict[str, str]:
    """Return the addresses that a user can still open when the summary has been printed."""
    if run.keeps_serving or named_address(run.runtime.settings) is not None:
        return run.runtime.urls
    if run.runtime.page_url is None:
        return {}
    return {"page": "closes now; --keep (with make: KEEP=1) keeps it open"}


def describe_error(error: Exception) -> str:
    """Return the text for users; for an error in a worker, its cause without Ray's traceback."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    return str(cause) or type(cause).__name__


def run_with_workers(
    plan: Plan,
    runtime: Runtime,
    ask: Callable[[], UnifiedProgress],
    interrupt: Interrupt,
    lock: SessionLock,
) -> SessionStatus:
    """Start the workers and the HTTP application side by side, then run the session."""
    pool = WorkerPool(plan, reads_photos=runtime.retry.run(partial(reads_photos, plan)))
    try:
        start_serve(runtime)
        while not interrupt.is_set and not pool.wait_until_ready(timeout_s=READY_POLL_S):
            pass
        with show_live(ask, stream=sys.stdout):
            return run_session(
                plan,
                pool,
                is_interrupted=lambda: interrupt.is_set,
                lock=lock,
                is_users=lambda: interrupt.is_users,
            )
    finally:
        pool.stop()


def reads_photos(plan: Plan) -> bool:
    """Tell whether a phase that counts photos is unfinished."""
    with begin(plan.engine) as db:
        phases = get_snapshots(db, plan.session_id)
    unfinished = [phase.name for phase in phases if phase.status is not PhaseStatus.COMPLETED]
    return any(name.counts_photos for name in unfinished)


def wait_for_interrupt(run: Run) -> None:
    """Keep serving until Ctrl-C, and restart the embedded database if it dies."""
    runtime = run.runtime
    run.console.print(
        f"Serving at {runtime.urls.get('page') or runtime.dashboard_url}; press Ctrl-C to stop.",
        markup=False,
        soft_wrap=True,
    )
    say_line = partial(run.console.print, markup=False, soft_wrap=True)
    back_up = back_up_at_times(runtime.engine, runtime.settings, say_line)
    while not run.interrupt.wait(5.0):
        runtime.ensure_database()
        back_up()


if __name__ == "__main__":
    sys.exit(as_command(main))

"""Shows the progress of a session in a terminal, as live bars or as plain lines.

The progress comes from the same source as the HTTP answer. A terminal shows bars that are redrawn.
A file or a pipe gets a line every few seconds, and one at each change of a status.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cluster.core.printable import to_printable
from cluster.core.progress import Eta, PhaseProgress, UnifiedProgress
from cluster.core.sessions import PhaseName, PhaseStatus

LINE_INTERVAL_S = 2.0
REFRESH_S = 0.2

TITLES = {
    PhaseName.TRAINING: "Reading photos",
    PhaseName.FACE_DETECTION: "Finding faces",
    PhaseName.CLUSTERING: "Grouping people",
}


@contextmanager
def show_live(ask: Callable[[], UnifiedProgress], *, stream: TextIO) -> Iterator[None]:
    """Show a session's progress on `stream` until the block ends; `ask` returns the newest."""
    console = Console(file=stream, highlight=False)
    ended = threading.Event()
    watch = _watch_terminal if console.is_terminal else _watch_lines
    thread = threading.Thread(target=watch, args=(ask, console, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=5)


def _watch_terminal(
    ask: Callable[[], UnifiedProgress], console: Console, ended: threading.Event
) -> None:
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            is_last = ended.wait(REFRESH_S)
            live.update(draw_rows(ask()), refresh=True)
            if is_last:
                return


def _watch_lines(
    ask: Callable[[], UnifiedProgress], console: Console, ended: threading.Event
) -> None:
    last, statuses = "", None
    written_at = time.monotonic()
    while True:
        is_last = ended.wait(REFRESH_S)
        progress = ask()
        line, now = write_line(progress), [phase.status for phase in progress.phases]
        is_due = time.monotonic() - written_at >= LINE_INTERVAL_S or now != statuses
        if line != last and (is_due or is_last):
            console.print(line, markup=False, soft_wrap=True)
            last, statuses, written_at = line, now, time.monotonic()
        if is_last:
            return


def draw_rows(progress: UnifiedProgress) -> Table:
    """Return a table with a bar for each phase and one for the session."""
    table = Table.grid(padding=(0, 2))
    for phase in progress.phases:
        table.add_row(
            TITLES[phase.name],
            ProgressBar(total=100, completed=phase.percentage, width=30),
            f"{phase.percentage:6.2f} %",
            f"{phase.current} of {phase.total}",
            Text(_describe(phase, left=say_time_left(phase.eta))),
        )
    table.add_row(
        "[bold]Overall",
        ProgressBar(total=100, completed=progress.percentage, width=30),
        f"[bold]{progress.percentage:6.2f} %",
        f"[bold]{progress.status}",
        Text(_say_what_remains(progress)),
    )
    return table


def _say_what_remains(progress: UnifiedProgress) -> str:
    if progress.status.is_terminal:
        return ""
    return to_printable(progress.waiting_for or "") or say_time_left(progress.eta)


def write_line(progress: UnifiedProgress) -> str:
    """Return one line: the percentage, the current phase with its counts, the time left in all."""
    current = next((p for p in progress.phases if p.name is progress.current_phase), None)
    overall = f"{progress.percentage:6.2f} %"
    if current is None:
        return f"{overall}  {progress.status}"
    detail = to_printable(progress.waiting_for or "") or _describe(current)
    left = say_time_left(progress.eta)
    parts = [detail, f"{left} in all" if left else ""]
    said = "; ".join(part for part in parts if part)
    return f"{overall}  {TITLES[current.name]}{_count(current)}{said and '  ' + said}"


def _count(phase: PhaseProgress) -> str:
    """Return ": 3 of 5", or ": 5 found so far" during discovery, or "" without a total."""
    if phase.is_discovering:
        return f": {phase.total} found so far"
    return f": {phase.current} of {phase.total}" if phase.total else ""


def _describe(phase: PhaseProgress, *, left: str = "") -> str:
    if phase.status is PhaseStatus.FAILED:
        return f"failed: {to_printable(phase.error or '')}"
    parts = []
    if phase.is_discovering:
        parts.append("still looking for photos")
    if phase.skipped:
        parts.append(f"{phase.skipped} skipped")
    if phase.failed:
        parts.append(f"{phase.failed} failed")
    if phase.name is PhaseName.FACE_DETECTION and phase.faces_detected:
        parts.append(f"{phase.faces_detected} faces")
    if phase.step:
        parts.append(phase.step)
    if phase.film is not None:
        parts.append(f"in {to_printable(str(phase.film))}")
    if phase.result is not None:
        parts.append(f"{phase.result.clusters_found} people")
    if phase.status is PhaseStatus.RUNNING and phase.images_per_minute:
        parts.append(f"{phase.images_per_minute / 60:.1f}/s")
        parts.append(left)
    elif phase.status is not PhaseStatus.COMPLETED:
        parts.append(str(phase.status))
    return ", ".join(part for part in parts if part)


def say_time_left(eta: Eta | None) -> str:
    """Return "1 to 2 min left", or "about 40 s left" if the band is narrow.

    A band that begins at 0 is "at most 12 s left". Without a time left, return "".
    """
    if eta is None:
        return ""
    low, high = _say_seconds(eta.low), _say_seconds(eta.high)
    if low == high or eta.high <= 1.3 * eta.low:
        return f"about {_say_seconds(eta.seconds)} left"
    if eta.low == 0:
        return f"at most {high} left"
    return f"{low} to {high} left"


def _say_seconds(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 10 else f"{hours} h"


def ask_progress(actor: ActorHandle, session_id: int) -> Callable[[], UnifiedProgress]:
    """Return a function that asks the live view, and repeats the last answer while it restarts."""
    last = [ray.get(actor.show.remote(session_id))]

    def ask() -> UnifiedProgress:
        with suppress(RayError, TimeoutError):
            last[0] = ray.get(actor.show.remote(session_id), timeout=5)
        return last[0]

    return ask

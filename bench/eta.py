"""Measures whether promises of time come true, in sessions of different kinds.

    python -m bench.eta --photos DIR --pack FOLDER [--limit N] [--kinds first,second,...] [--json]

For each kind, and for the session and each phase in it: the share of the time with a promise (from
5 seconds after its beginning), the share of promises that held (15 % or 2 seconds), the coverage of
the 80 % band (0.75 to 0.88 is wanted), and the median and 90th percentile of the relative error.
`bar` is how far the percentage of time was from the true share at most, in points, from a tenth on.
The baseline is the same sessions' remaining photos divided by the mean speed so far, which is what
most programs show: `naive` is the share of its promises for the session that held.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import ray
from ray.cluster_utils import Cluster
from ray.exceptions import RayError

from bench.eta_libraries import KINDS, Kind, busy_machine
from bench.libraries import list_photos
from bench.session import open_headcount, run_one
from cluster.core.progress import Eta, UnifiedProgress
from cluster.core.promises import is_held
from cluster.core.sessions import PhaseName, PhaseStatus, SessionStatus
from cluster.core.timing import Scope
from cluster.environment import prepare_environment
from cluster.settings import load_settings
from jobs.runtime import Runtime, open_database

LOOK_S = 0.5
FROM_S = 5.0
FROM_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Look:
    """The progress that was shown at one moment, in seconds of a monotonic clock."""

    at: float
    shown: UnifiedProgress


@dataclass(frozen=True, slots=True)
class Score:
    """How the promises about one scope turned out; `looks` counts the moments."""

    kind: str
    scope: str
    seconds: float
    looks: int
    promised: float
    held: float
    coverage: float
    median_error: float
    p90_error: float
    bar: float | None = None
    naive: float | None = None


def main() -> None:
    """Run the sessions, print a table, and with --json end with one JSON object."""
    options = build_parser().parse_args()
    photos = list_photos(options.photos, limit=options.limit)
    scores: list[Score] = []
    for number, name in enumerate(options.kinds.split(",")):
        # In a process of its own, because Ray leaves its environment behind.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            looks = process.submit(run_kind, KINDS[name], photos, options.pack).result()
        found = judge_looks(name, looks)
        scores += found
        print_scores(found, with_head=number == 0)
        if options.trace is not None:
            write_trace(options.trace / f"{name}.json", looks)
    if options.json:
        print(json.dumps([{name: getattr(s, name) for name in Score.__slots__} for s in scores]))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of photos")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--limit", type=int, help="the most photos to use")
    parser.add_argument("--kinds", default=",".join(KINDS), help="the kinds of sessions")
    parser.add_argument("--trace", type=Path, help="a folder for what was shown at each moment")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    return parser


def run_kind(kind: Kind, photos: Sequence[str], pack: str) -> list[Look]:
    """Run the sessions of a kind, and return what the last one showed."""
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        library = Path(folder) / "library"
        library.mkdir()
        with (
            nodes_of(kind, Path(folder)) as cluster,
            open_headcount(Path(folder) / "data", pack, **cluster) as (runtime, opened),
        ):
            for _ in range(kind.sessions - 1):
                kind.make(photos, library)
                run_one(runtime, opened, library)
            kind.make(photos, library)
            with busy_machine(kind.is_busy), watched(runtime) as looks:
                run_one(runtime, opened, library)
    return looks


@contextmanager
def nodes_of(kind: Kind, folder: Path) -> Iterator[dict[str, str]]:
    """Provide settings for several nodes of one CPU each; none where Headcount starts Ray.

    A minute after the start, the last node goes away.
    """
    if kind.nodes == 1:
        yield {}
        return
    settings = load_settings(options={"data_dir": folder / "server"})
    prepare_environment()
    with open_database(settings) as (url, _):
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        others = [nodes.add_node(num_cpus=1) for _ in range(kind.nodes - 1)]
        removing = threading.Timer(60.0, nodes.remove_node, [others[-1]])
        removing.start()
        try:
            yield {"ray_address": nodes.address, "database_url": url}
        finally:
            removing.cancel()
            nodes.shutdown()


@contextmanager
def watched(runtime: Runtime) -> Iterator[list[Look]]:
    """Look at the newest session twice a second until the block ends."""
    looks: list[Look] = []
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(runtime, looks, ended), daemon=True)
    thread.start()
    try:
        yield looks
    finally:
        ended.set()
        thread.join(timeout=10)


def _watch(runtime: Runtime, looks: list[Look], ended: threading.Event) -> None:
    since, session_id = 0, 0
    while not ended.wait(LOOK_S):
        with suppress(RayError, TimeoutError):
            if not session_id:
                since, changed = ray.get(runtime.progress.changes.remote(since, timeout_s=1.0))
                running = [one for one in changed if one.status is SessionStatus.RUNNING]
                session_id = max((one.session_id for one in running), default=0)
                continue
            shown = ray.get(runtime.progress.show.remote(session_id), timeout=5)
            looks.append(Look(time.monotonic(), shown))
            if shown.status.is_terminal:
                return


Ask = Callable[[UnifiedProgress], Eta | None]


def judge_looks(kind: str, looks: Sequence[Look]) -> list[Score]:
    """Return the scores of the session and its phases."""
    start, end = looks[0].at, looks[-1].at
    scores = [
        _judge(
            kind,
            Scope.SESSION,
            looks,
            ask=_ask_session,
            times=(start, end),
            bar=measure_bar(looks),
            naive=judge_naive(looks),
        )
    ]
    for name in PhaseName:
        running = [x.at for x in looks if x.shown.phase(name).status is PhaseStatus.RUNNING]
        if running:
            times = (running[0], running[-1] + LOOK_S / 2)
            scores.append(
                _judge(kind, Scope.of(name), looks, ask=partial(_ask_phase, name), times=times)
            )
    return scores


def _ask_session(shown: UnifiedProgress) -> Eta | None:
    return shown.eta


def _ask_phase(name: PhaseName, shown: UnifiedProgress) -> Eta | None:
    return shown.phase(name).eta


def _judge(
    kind: str,
    scope: Scope,
    looks: Sequence[Look],
    *,
    ask: Ask,
    times: tuple[float, float],
    bar: float | None = None,
    naive: float | None = None,
) -> Score:
    start, end = times
    asked = [(ask(look.shown), end - look.at) for look in looks if start + FROM_S <= look.at < end]
    made = [(eta, real_s) for eta, real_s in asked if eta is not None]
    errors = sorted(abs(eta.seconds - real_s) / max(real_s, LOOK_S) for eta, real_s in made)
    count = max(1, len(made))
    return Score(
        kind,
        scope.value,
        round(end - start, 1),
        len(asked),
        round(len(made) / max(1, len(asked)), 3),
        round(sum(is_held(eta.seconds, real_s) for eta, real_s in made) / count, 3),
        round(sum(eta.low <= real_s <= eta.high for eta, real_s in made) / count, 3),
        round(median(errors), 3) if errors else 0.0,
        round(errors[int(0.9 * (len(errors) - 1))], 3) if errors else 0.0,
        bar,
        naive,
    )


def measure_bar(looks: Sequence[Look]) -> float:
    """Return how far the percentage of time was from the true share at most, in points."""
    start, end = looks[0].at, looks[-1].at
    shares = [
        (100 * (look.at - start) / (end - start), look.shown.time_percentage) for look in looks
    ]
    return round(max(abs(x - y) for x, y in shares if x >= 100 * FROM_SHARE), 1)


def judge_naive(looks: Sequence[Look]) -> float:
    """Return the share of promises that held, had they been percentage and time so far."""
    start, end = looks[0].at, looks[-1].at
    held = []
    for look in looks:
        if look.at >= start + FROM_S and look.at < end and look.shown.percentage > 0:
            passed_s = look.at - start
            held.append(is_held(passed_s * (100 / look.shown.percentage - 1), real_s=end - look.at))
    return round(sum(held) / max(1, len(held)), 3)


def print_scores(scores: Sequence[Score], *, with_head: bool) -> None:
    """Print the scores as rows of a table."""
    if with_head:
        print(
            f"{'kind':<13}{'scope':<16}{'seconds':>8}{'looks':>7}{'promised':>10}{'held':>7}"
            f"{'covered':>9}{'median':>8}{'p90':>7}{'bar':>7}{'naive':>7}"
        )
    for s in scores:
        bar = "" if s.bar is None else f"{s.bar:.1f}"
        naive = "" if s.naive is None else f"{s.naive:.2f}"
        print(
            f"{s.kind:<13}{s.scope:<16}{s.seconds:>8.1f}{s.looks:>7}{s.promised:>10.2f}"
            f"{s.held:>7.2f}{s.coverage:>9.2f}{s.median_error:>8.2f}{s.p90_error:>7.2f}"
            f"{bar:>7}{naive:>7}",
            flush=True,
        )


def write_trace(path: Path, looks: Sequence[Look]) -> None:
    """Write what was shown at each moment as JSON, to look at by hand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start, end = looks[0].at, looks[-1].at
    rows = [
        {
            "at": round(look.at - start, 2),
            "left": round(end - look.at, 2),
            "session": _to_list(look.shown.eta),
            "time": look.shown.time_percentage,
            "work": look.shown.percentage,
            **{p.name.value: [p.current, p.total, _to_list(p.eta)] for p in look.shown.phases},
        }
        for look in looks
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")


def _to_list(eta: Eta | None) -> list[int] | None:
    return None if eta is None else [eta.low, eta.seconds, eta.high]


if __name__ == "__main__":
    main()

"""Measures whether promises of time come true, in sessions of different kinds.

    python -m bench.eta --photos DIR --pack FOLDER [--limit N] [--kinds first,second,...] [--json]

For each kind, and for the session and each phase in it: the share of the time with a promise (from
5 seconds after its beginning), the share of promises that held (15 % or 2 seconds), the coverage of
the 80 % band (0.75 to 0.88 is wanted), and the median and 90th percentile of the relative error.
`bar` is the largest error of the percentage of time, in points, after a tenth of the time.
The baseline is the same sessions' remaining photos divided by the mean speed so far, which is what
most programs show: `naive` is the share of its promises for the session that held.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import ray
from ray.cluster_utils import Cluster
from ray.exceptions import RayError

from bench.eta_libraries import KINDS, Kind, others_at_work
from bench.eta_scores import LOOK_S, Look, Score, judge_looks, print_scores
from bench.eta_traces import write_trace
from bench.libraries import list_photos
from bench.session import open_headcount, run_one
from cluster.core.sessions import SessionStatus
from cluster.core.time_left.timekeeping import TimeInputs
from cluster.environment import prepare_environment
from cluster.settings import load_settings
from jobs.running.runtime import Runtime, open_database

NODE_LIVES_S = 30.0


@dataclass(frozen=True, slots=True)
class Watched:
    """The looks at a session, four a second, and the inputs of its clock."""

    looks: list[Look] = field(default_factory=list)
    inputs: list[TimeInputs] = field(default_factory=list)


def main() -> None:
    """Run the sessions, print a table, and with --json end with one JSON object."""
    options = build_parser().parse_args()
    photos = list_photos(options.photos, limit=options.limit)
    scores: list[Score] = []
    for number, name in enumerate(options.kinds.split(",")):
        # In a separate process, because Ray changes the environment of the process.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            watched = process.submit(run_kind, KINDS[name], photos, options.pack).result()
        found = judge_looks(name, watched.looks)
        scores += found
        print_scores(found, with_head=number == 0)
        if options.trace is not None:
            write_trace(options.trace / f"{name}.jsonl", watched.inputs)
    if options.json:
        print(json.dumps([{name: getattr(s, name) for name in Score.__slots__} for s in scores]))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of photos")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--limit", type=int, help="the maximum number of photos")
    parser.add_argument("--kinds", default=",".join(KINDS), help="the kinds of sessions")
    parser.add_argument("--trace", type=Path, help="a folder for traces (bench/eta_replay.py)")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    return parser


def run_kind(kind: Kind, photos: Sequence[str], pack: str) -> Watched:
    """Run the sessions of a kind, and return the looks at the last one."""
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
            with others_at_work(kind.load), watching(runtime) as watched:
                run_one(runtime, opened, library)
    return watched


@contextmanager
def nodes_of(kind: Kind, folder: Path) -> Iterator[dict[str, str]]:
    """Start several nodes of one CPU each, and yield their settings; none for a kind with one node.

    NODE_LIVES_S seconds after the start, the last node is removed.
    """
    if kind.nodes == 1:
        yield {}
        return
    settings = load_settings(options={"data_dir": folder / "server"})
    prepare_environment()
    with open_database(settings) as (url, _):
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        others = [nodes.add_node(num_cpus=1) for _ in range(kind.nodes - 1)]
        removing = threading.Timer(NODE_LIVES_S, nodes.remove_node, [others[-1]])
        removing.start()
        try:
            yield {"ray_address": nodes.address, "database_url": url}
        finally:
            removing.cancel()
            nodes.shutdown()


@contextmanager
def watching(runtime: Runtime) -> Iterator[Watched]:
    """Look at the newest session every LOOK_S seconds until the block ends."""
    watched = Watched()
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(runtime, watched, ended), daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        ended.set()
        thread.join(timeout=10)


def _watch(runtime: Runtime, watched: Watched, ended: threading.Event) -> None:
    since, session_id = 0, 0
    while not ended.wait(LOOK_S if session_id else 0.0):
        with suppress(RayError, TimeoutError):
            if not session_id:
                since, changed = ray.get(runtime.progress.changes.remote(since, timeout_s=1.0))
                running = [one for one in changed if one.status is SessionStatus.RUNNING]
                session_id = max((one.session_id for one in running), default=0)
            if not session_id:
                continue
            shown = ray.get(runtime.progress.show.remote(session_id), timeout=5)
            watched.looks.append(Look(time.monotonic(), shown))
            inputs = ray.get(runtime.progress.time_inputs.remote(session_id), timeout=5)
            if inputs is not None:
                watched.inputs.append(inputs)
            if shown.status.is_terminal:
                return


if __name__ == "__main__":
    main()

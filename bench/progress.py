"""Measures how far many clients of one session lag behind the reports of its workers.

    python -m bench.progress [--clients N] [--workers N] [--photos-a-minute N] [--seconds N]

Ray, the HTTP application and the ProgressActor are real. The workers are simulated in this process
and the clients in another one (bench/watchers.py), all on this machine. Printed: the response times
of the ProgressActor and the progress route, messages per second, memory and CPU of each process,
the lag of the clients, and the time of one `unify`. The lag of an event is the age of the oldest
report that it is the first to show.
"""

from __future__ import annotations

import argparse
import itertools
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.util.state import list_actors

from cluster.core.pictures.photos import Settled
from cluster.core.progress import PhaseCounts, PhaseSnapshot, unify
from cluster.core.reports import InFlight, SettledReport
from cluster.core.sessions import Move, PhaseName, PhaseStatus
from cluster.settings import load_settings
from cluster.store.database.engine import begin
from cluster.store.sessions.phase_rows import finish_discovery, start_phase
from cluster.store.sessions.session_locks import lock_session
from cluster.store.sessions.session_rows import create_session, move_session
from jobs.running.runtime import Runtime, open_database, open_runtime, start_serve

BATCH = 32
TOTAL = 10_000_000
ASK_INTERVAL_S = 0.05
WARM_UP_S = 3.0
ACTORS = {"progress_actor": "ProgressActor", "replica": "ServeReplica", "proxy": "ProxyActor"}


@dataclass
class Workers:
    """Simulated workers that report each photo, and a commit after each batch.

    `reported_at` are the times at which photos were reported, in order, in monotonic seconds.
    """

    session_id: int
    workers: int
    photos_a_minute: int
    progress: Any
    reported_at: list[float] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    reports: int = 0

    def run(self) -> None:
        """Report at the given rate until `is_over`; the workers finish photos round-robin."""
        ids = itertools.count(1)
        # The first batches have different sizes, so that not all commits come at once.
        batches = [(next(ids), 0, 1 + n % BATCH) for n in range(self.workers)]
        finished = committed = revision = 0
        started = time.monotonic()
        while not self.is_over.is_set():
            due = started + finished * 60 / self.photos_a_minute
            self.is_over.wait(max(0.0, due - time.monotonic()))
            worker = finished % self.workers
            batch_id, count, size = batches[worker]
            finished, count = finished + 1, count + 1
            self.reported_at.append(time.monotonic())
            self._send(self.progress.in_flight, InFlight(*self._phase, batch_id, count))
            if count >= size:
                committed, revision = committed + count, revision + 1
                settled = Settled(revision, PhaseCounts(total=TOTAL, processed=committed))
                report = SettledReport(*self._phase, batch_id, settled)
                self._send(self.progress.settled, report)
                batch_id, count, size = next(ids), 0, BATCH
            batches[worker] = batch_id, count, size

    @property
    def _phase(self) -> tuple[int, PhaseName, int]:
        return self.session_id, PhaseName.TRAINING, 1

    def _send(self, method: Any, report: object) -> None:
        self.reports += 1
        method.remote(report)


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--photos-a-minute", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--photos", help="not used")
    parser.add_argument("--pack", help="not used")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        settings = load_settings(options={"data_dir": Path(folder), "port": find_free_port()})
        with (
            open_database(settings) as (url, engine),
            open_runtime(settings, url=url, engine=engine) as runtime,
        ):
            start_serve(runtime)
            figures = measure(runtime, options)
    for name, value in figures.items():
        print(f"{name:<28}{value}")
    if options.json:
        print(json.dumps(figures))


def measure(runtime: Runtime, options: argparse.Namespace) -> dict[str, Any]:
    """Run the workers and the clients, and return the figures."""
    session_id = begin_session(runtime)
    processes = {name: find_actor(kind) for name, kind in ACTORS.items()}
    workers = Workers(session_id, options.workers, options.photos_a_minute, runtime.progress)
    at_rest = {name: process.memory_info().rss for name, process in processes.items()}
    asked: list[float] = []
    threads = [
        threading.Thread(target=workers.run),
        threading.Thread(target=ask_actor, args=[runtime, session_id, asked, workers.is_over]),
    ]
    with lock_session(runtime.engine, session_id):
        for thread in threads:
            thread.start()
        time.sleep(WARM_UP_S)
        busy, started = count_cpu(processes), time.monotonic()
        seen = run_watchers(runtime, session_id, options)
        seconds = time.monotonic() - started
        cpu = {name: used - busy[name] for name, used in count_cpu(processes).items()}
        workers.is_over.set()
        for thread in threads:
            thread.join()
    return {
        "clients": options.clients,
        "photos_a_minute": round(60 * len(workers.reported_at) / (seconds + WARM_UP_S)),
        "endpoint_ms": quantiles_ms(seen["asked_s"]),
        "actor_ms": quantiles_ms(asked),
        **describe_clients(seen, workers.reported_at),
        "reports_a_second": round(workers.reports / (seconds + WARM_UP_S)),
        "cpu_percent": {name: round(100 * used / seconds, 1) for name, used in cpu.items()},
        "memory_mb": {
            name: [round(at_rest[name] / 1e6, 1), round(process.memory_info().rss / 1e6, 1)]
            for name, process in processes.items()
        },
        "unify_us": round(time_unify() * 1e6, 1),
    }


def find_actor(kind: str) -> psutil.Process:
    """Return the process of the living actor whose class name starts with `kind`."""
    alive = list_actors(filters=[("state", "=", "ALIVE")])
    return psutil.Process(next(actor.pid for actor in alive if actor.class_name.startswith(kind)))


def begin_session(runtime: Runtime) -> int:
    """Return a running session whose training has ended discovery."""
    now = datetime.now(UTC)
    with begin(runtime.engine) as db:
        session = create_session(db, root="/", name=None, pack="bundled", options={}, now=now)
        move_session(db, session.id, Move.START, now=now)
        start_phase(db, session.id, PhaseName.TRAINING, now=now)
        finish_discovery(db, session.id)
    ray.get(runtime.progress.reload.remote(session.id))
    return session.id


def ask_actor(
    runtime: Runtime, session_id: int, took: list[float], is_over: threading.Event
) -> None:
    """Poll the ProgressActor until `is_over`; append the seconds of each answer to `took`."""
    while not is_over.wait(ASK_INTERVAL_S):
        started = time.monotonic()
        ray.get(runtime.progress.show.remote(session_id))
        took.append(time.monotonic() - started)


def run_watchers(runtime: Runtime, session_id: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run the clients in another process and return its result."""
    command = [sys.executable, "-m", "bench.watchers", "--port", str(runtime.settings.port)]
    command += ["--session", str(session_id), "--clients", str(options.clients)]
    command += ["--seconds", str(options.seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def describe_clients(seen: dict[str, Any], reported_at: Sequence[float]) -> dict[str, Any]:
    """Return the rate of messages, and the lag of the clients."""
    lasted = seen["until_s"] - seen["from_s"]
    behind = [find_behind(events, seen["from_s"], reported_at) for events in seen["seen"]]
    every = sorted(itertools.chain.from_iterable(behind))
    messages = sum(1 for events in seen["seen"] for at, _ in events if at >= seen["from_s"])
    return {
        "clients_without_events": sum(1 for each in behind if not each),
        "messages_a_second": round(messages / lasted),
        "behind_ms": quantiles_ms(every),
        "slowest_client_ms": round(1000 * max(max(each, default=lasted) for each in behind)),
    }


def find_behind(
    events: Sequence[tuple[float, int]], from_s: float, reported_at: Sequence[float]
) -> list[float]:
    """Return for each event, except the first, the age of the oldest report that it adds."""
    return [
        at - reported_at[before]
        for (_, before), (at, _) in itertools.pairwise(events)
        if at >= from_s and before < len(reported_at) and reported_at[before] <= at
    ]


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median, the 99th percentile and the maximum in milliseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        "median": round(1000 * statistics.median(ordered), 1),
        "p99": round(1000 * ordered[int(0.99 * last)], 1),
        "max": round(1000 * ordered[last], 1),
    }


def count_cpu(processes: dict[str, psutil.Process]) -> dict[str, float]:
    """Return the CPU seconds that each process, and the whole machine, has used."""
    used = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    machine = psutil.cpu_times()
    return {**used, "machine": machine.user + machine.system}


def time_unify(number: int = 20_000) -> float:
    """Return the seconds that one `unify` of a running session takes."""
    phases = tuple(
        PhaseSnapshot(name, status, PhaseCounts(total=20_000, processed=7_000), rate_per_s=300.0)
        for name, status in zip(
            PhaseName, (PhaseStatus.RUNNING, PhaseStatus.PENDING, PhaseStatus.PENDING), strict=True
        )
    )
    work: Callable[[], object] = lambda: unify(1, phases, version=1)  # noqa: E731
    return min(timeit.repeat(work, number=number, repeat=3)) / number


def find_free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()

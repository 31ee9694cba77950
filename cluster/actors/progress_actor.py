"""The live view of every session: settled counts, and photos in flight.

PostgreSQL holds the truth; the live view adds the progress between two commits. `Progress` is a
plain class; `ProgressActor` makes it a named, detached Ray actor that restarts itself. Before a
count in flight is shown, it is written to the rows as the high-water mark of its phase. So a new
ProgressActor reads all shown counts from the rows, and none falls, even if all processes end.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import ray
from ray.actor import ActorHandle

from cluster.actors.measuring import MEASURE_INTERVAL_S, LiveMeasures
from cluster.actors.repeating import repeat
from cluster.actors.session_clocks import SessionClocks, TimeStore, tell_inputs
from cluster.actors.shared_snapshots import SharedSnapshots, snapshots_path
from cluster.actors.watching import Watch, find_last_words, is_job_alive
from cluster.core.errors import DatabaseUnavailable, NotFound
from cluster.core.live import LivePhase, LiveSession, Snapshots
from cluster.core.metrics import Meter, NoMeter
from cluster.core.progress import DEFAULT_WEIGHTS, UnifiedProgress, unify
from cluster.core.reports import FilmReport, InFlight, SettledReport
from cluster.core.sessions import PhaseName, PhaseStatus, SessionStatus, overall_status
from cluster.core.time_left.timekeeping import TimeInputs
from cluster.core.time_left.workload import Probe
from cluster.logs import log_to_stderr
from cluster.notifying.sender import ReadOptions, start_sending
from cluster.ray_meter import RayMeter
from cluster.store.database.engine import build_engine
from cluster.store.database.progress_versions import next_first_version
from cluster.store.sessions.high_water_marks import raise_high_water_mark
from cluster.store.sessions.phase_rows import load_snapshots

RaiseHighWaterMark = Callable[[int, PhaseName, int, int], object]
"""Takes the session, the phase, the attempt and the count."""

MAX_SESSIONS = 256
"""Above this number of sessions, the oldest ones that do not run are forgotten. They are read again
on request."""

COALESCE_S = 0.05
KEEP_INTERVAL_S = 0.15
"""Seconds between two high-water marks of a phase, and between changes of its in-flight count."""


class Progress:
    """The live view, without Ray: takes reports, and answers requests.

    `load` reads the phases of a session from the database and raises NotFound. `keep` writes the
    high-water mark of a phase before it is shown. Both raise DatabaseUnavailable. `clock` returns
    monotonic seconds. `first_version` returns a number above all versions of earlier live views.
    `meter` receives the metrics. `snapshots` shows each change to the processes of this node.
    `times` stores the times of sessions; without it, no time left is shown.
    """

    def __init__(
        self,
        *,
        load: Callable[[int], Snapshots],
        keep: RaiseHighWaterMark,
        first_version: Callable[[], int],
        clock: Callable[[], float],
        weights: Mapping[PhaseName, float] = DEFAULT_WEIGHTS,
        meter: Meter | None = None,
        snapshots: SharedSnapshots | None = None,
        keep_interval_s: float = KEEP_INTERVAL_S,
        times: TimeStore | None = None,
    ) -> None:
        self._load, self._keep, self._first_version = load, keep, first_version
        self._clock, self._weights, self._keep_interval_s = clock, weights, keep_interval_s
        self._measures, self._snapshots = LiveMeasures(meter or NoMeter()), snapshots
        self._clocks = None if times is None else SessionClocks(times, clock=clock)
        self._version = 0
        self._sessions: dict[int, LiveSession] = {}
        self._changed = asyncio.Condition()

    async def in_flight(self, report: InFlight) -> None:
        """Show photos that are done but not committed."""
        session = await self._session(report.session_id)
        phase = session.phases[report.phase]
        if phase.apply_in_flight(report) and not phase.is_being_kept:
            phase.is_being_kept = True
            try:
                await self._keep_and_show(report.session_id, session, phase)
            finally:
                phase.is_being_kept = False

    async def searching(self, report: FilmReport) -> None:
        """Show the position of the search in a film."""
        session = await self._session(report.session_id)
        if session.phases[report.phase].apply_film(report):
            await self._announce(report.session_id, session)

    async def settled(self, report: SettledReport) -> None:
        """Show counts that were committed."""
        session = await self._session(report.session_id)
        if session.phases[report.phase].apply_settled(report):
            session.waiting_for = None  # The process that waited may have been killed.
            await self._announce(report.session_id, session)

    async def returned(self, session_id: int, phase: PhaseName, batch_id: int) -> None:
        """Remove the photos of a batch from those in flight, because its worker was lost."""
        session = await self._session(session_id)
        session.phases[phase].apply_returned(batch_id)
        await self._announce(session_id, session)

    async def waiting(self, session_id: int, waiting_for: str | None) -> None:
        """Show what a session waits for, such as "database unreachable, ..."; None if nothing."""
        session = self._sessions.get(session_id)
        if session is not None and session.waiting_for != waiting_for:
            session.waiting_for = waiting_for
            await self._announce(session_id, session)

    async def reload(self, session_id: int, *, drop_in_flight: bool = False) -> None:
        """Read the rows again after a status changed; optionally forget the photos in flight.

        Raises NotFound if the session was erased; the live view then forgets it.
        """
        try:
            rows = await asyncio.to_thread(self._read, session_id)
        except NotFound:
            self._sessions.pop(session_id, None)
            if self._snapshots is not None:
                self._snapshots.wipe(session_id)
            raise
        session = self._sessions.setdefault(session_id, LiveSession.from_rows(rows))
        session.waiting_for = None
        for row in rows:
            phase = session.phases[row.name]
            if drop_in_flight:
                phase.drop_in_flight()
            phase.apply_row(row)
        await self._tick(session_id, session)
        await self._announce(session_id, session)

    async def expect(self, session_id: int, *, workers: int, cpus: int) -> None:
        """Record how many detectors and CPUs a session has, to estimate its time left."""
        session = await self._session(session_id)
        if session.clock is not None:
            session.clock.expect(workers=workers, cpus=cpus)

    async def probed(self, session_id: int, probe: Probe) -> None:
        """Record how long face detection took for the photos of a probe."""
        session = await self._session(session_id)
        if session.clock is not None:
            session.clock.take_probe(probe)

    async def tick(self) -> None:
        """Measure the speed of each running session, and update its time left."""
        for session_id, session in list(self._sessions.items()):
            phases = [phase.shown.status for phase in session.phases.values()]
            if overall_status(phases) is SessionStatus.RUNNING:
                before = self._unify(session_id, session)
                await self._tick(session_id, session)
                if self._unify(session_id, session) != before:
                    await self._announce(session_id, session)

    async def show(self, session_id: int) -> UnifiedProgress:
        """Return a session's progress as it is now. Raises NotFound."""
        session = await self._session(session_id)
        return self._unify(session_id, session)

    async def time_inputs(self, session_id: int) -> TimeInputs | None:
        """Return the inputs from which the time left is estimated now; None without a clock."""
        return tell_inputs(await self._session(session_id), now=self._clock())

    async def changes(
        self, since: int, *, timeout_s: float
    ) -> tuple[int, tuple[UnifiedProgress, ...]]:
        """Wait for a change after version `since`; return the newest version and the sessions.

        Returns no session if nothing changes within `timeout_s`. Changes that are close together
        are returned together.
        """
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._version > since)
        except TimeoutError:
            return self._version, ()
        await asyncio.sleep(COALESCE_S)
        changed = [(i, s) for i, s in self._sessions.items() if s.version > since]
        return self._version, tuple(self._unify(i, s) for i, s in changed)

    def revisions(self) -> dict[int, int]:
        """Return the sum of the phases' revisions of each session in the live view."""
        return {
            session_id: sum(phase.shown.revision for phase in session.phases.values())
            for session_id, session in self._sessions.copy().items()
        }

    async def measure(self) -> None:
        """Set the gauges of all sessions that have not ended."""
        for session_id, session in self._sessions.items():
            progress = self._unify(session_id, session)
            if not progress.status.is_terminal:
                in_flight = {name: phase.in_flight for name, phase in session.phases.items()}
                self._measures.gauge(progress, in_flight, now=self._clock())

    async def ping(self) -> int:
        """Return the newest version, as proof that the live view answers."""
        return self._version

    async def _keep_and_show(self, session_id: int, session: LiveSession, phase: LivePhase) -> None:
        while phase.is_ahead:
            name, attempt, count = phase.row.name, phase.row.attempt, phase.live
            try:
                await asyncio.to_thread(self._keep, session_id, name, attempt, count)
            except DatabaseUnavailable:
                return  # Batches cannot be committed now either; the next report tries again.
            phase.apply_kept(attempt, count)
            await self._announce(session_id, session)
            await asyncio.sleep(self._keep_interval_s)

    def _read(self, session_id: int) -> Snapshots:
        if not self._version:
            self._version = self._first_version()
        return self._load(session_id)

    async def _session(self, session_id: int) -> LiveSession:
        if session_id not in self._sessions:
            await self.reload(session_id)
        return self._sessions[session_id]

    async def _tick(self, session_id: int, session: LiveSession) -> None:
        if self._clocks is not None:
            await self._clocks.tick(session_id, session)

    async def _announce(self, session_id: int, session: LiveSession) -> None:
        for phase in session.phases.values():
            phase.sample(now=self._clock())
            self._measures.count(session_id, phase.shown)
        self._version += 1
        session.version = self._version
        if self._snapshots is not None:
            self._snapshots.show(self._unify(session_id, session))
        self._forget_old_sessions()
        async with self._changed:
            self._changed.notify_all()

    def _unify(self, session_id: int, session: LiveSession) -> UnifiedProgress:
        return unify(
            session_id,
            session.snapshots(now=self._clock()),
            version=session.version,
            waiting_for=session.waiting_for,
            weights=self._weights,
            moment=None if session.clock is None else session.clock.show(now=self._clock()),
        )

    def _forget_old_sessions(self) -> None:
        excess = len(self._sessions) - MAX_SESSIONS
        if excess <= 0:
            return
        idle = [
            (session.version, session_id)
            for session_id, session in self._sessions.items()
            if not any(p.shown.status is PhaseStatus.RUNNING for p in session.phases.values())
        ]
        for _, session_id in sorted(idle)[:excess]:
            del self._sessions[session_id]
            self._measures.forget(session_id)


ACTOR_NAME = "progress"
TICK_S = 1.0
"""Seconds between two measurements of the speeds, and so between two estimates of the time left."""


# Without task events, because hundreds of calls a second would flood the dashboard's list of tasks.
@ray.remote(
    num_cpus=0,
    max_restarts=-1,
    max_task_retries=-1,
    max_concurrency=1000,
    enable_task_events=False,
)
class ProgressActor(Progress):
    """`Progress` as a Ray actor that reads from PostgreSQL and watches for lost drivers."""

    def __init__(
        self,
        database_url: str,
        weights: Mapping[PhaseName, float],
        *,
        namespace: str,
        data_dir: Path,
        read_notify: ReadOptions | None = None,
    ) -> None:
        log_to_stderr()
        engine = build_engine(database_url, pool_size=2)
        context = ray.get_runtime_context()
        snapshots = snapshots_path(data_dir, namespace=namespace, node_id=context.get_node_id())
        super().__init__(
            load=partial(load_snapshots, engine),
            keep=partial(raise_high_water_mark, engine),
            first_version=partial(next_first_version, engine),
            clock=time.monotonic,
            weights=weights,
            meter=RayMeter(),
            snapshots=SharedSnapshots(snapshots),
            times=TimeStore.of(engine),
        )
        watch = Watch(
            engine,
            is_job_alive=partial(is_job_alive, address=context.gcs_address),
            last_words=partial(find_last_words, address=context.gcs_address),
            shown=self.revisions,
            reload=context.current_actor.reload.remote,
        )
        threading.Thread(target=watch.run, name="watch", daemon=True).start()
        actor = context.current_actor
        repeat(actor.measure.remote, interval_s=MEASURE_INTERVAL_S)
        repeat(actor.tick.remote, interval_s=TICK_S)
        if read_notify is not None:
            start_sending(database_url, read_notify)


def start_progress_actor(
    database_url: str,
    *,
    weights: Mapping[PhaseName, float],
    namespace: str,
    data_dir: Path,
    read_notify: ReadOptions | None = None,
) -> ActorHandle:
    """Return the ProgressActor of `namespace`, and start it if there is none yet.

    Its shared snapshots are below `data_dir`. The actor calls `read_notify` in its own process, and
    sends notices with the options that it returns. Without `read_notify`, the actor sends none.
    """
    actor = cast(Any, ProgressActor).options(
        name=ACTOR_NAME, namespace=namespace, lifetime="detached", get_if_exists=True
    )
    handle: ActorHandle = actor.remote(
        database_url,
        dict(weights),
        namespace=namespace,
        data_dir=data_dir,
        read_notify=read_notify,
    )
    return handle

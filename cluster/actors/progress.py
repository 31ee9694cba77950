"""The live view of every session: settled counts and what is in flight.

PostgreSQL holds the truth; this is what is shown between two commits. `Progress` is a plain class;
`ProgressActor` makes it a named, detached Ray actor that restarts itself. All of its state can be
read again from the rows, except the floor below which a count must not fall, which clients hold as
well.

The counts with the highest revision win, in-flight numbers are kept by batch and only rise, and a
batch that has settled is never in flight again: every report may arrive twice, late or out of
order.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import ray
from ray.actor import ActorHandle

from cluster.actors.measuring import MEASURE_INTERVAL_S, LiveMeasures
from cluster.actors.watching import Watch, is_job_alive
from cluster.core.errors import NotFound
from cluster.core.eta import RateWindow
from cluster.core.metrics import Meter, NoMeter
from cluster.core.progress import (
    DEFAULT_WEIGHTS,
    PhaseSnapshot,
    UnifiedProgress,
    never_fall,
    unify,
)
from cluster.core.reports import InFlight, SettledReport, Throttle
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.logs import log_to_stderr
from cluster.ray_meter import RayMeter
from cluster.store.engine import build_engine
from cluster.store.phases import load_snapshots

Snapshots = tuple[PhaseSnapshot, ...]
MAX_SESSIONS = 256
"""Finished sessions beyond this many are forgotten, and read again when asked for."""

COALESCE_S = 0.05
SAMPLE_INTERVAL_S = 0.2


@dataclass(slots=True)
class LivePhase:
    """One phase: its row, the reports that came after it, and its recent rate."""

    row: PhaseSnapshot
    shown: PhaseSnapshot
    in_flight: dict[int, int] = field(default_factory=dict)
    settled_batches: set[int] = field(default_factory=set)
    rate: RateWindow = field(default_factory=RateWindow)
    sampling: Throttle = field(default_factory=lambda: Throttle(SAMPLE_INTERVAL_S))

    def apply_row(self, row: PhaseSnapshot) -> None:
        """Take over what the database says, unless something newer is known."""
        if row.attempt > self.row.attempt:
            self.row, self.shown = row, row
            self.in_flight.clear()
            self.settled_batches.clear()
            self.rate.samples.clear()
        elif row.attempt == self.row.attempt and row.revision >= self.row.revision:
            newest = row if row.revision >= self.shown.revision else self.shown
            self.row = row
            self._show(
                replace(
                    row,
                    counts=newest.counts,
                    revision=newest.revision,
                    faces_detected=newest.faces_detected,
                    step=newest.step,
                )
            )

    def apply_in_flight(self, report: InFlight) -> bool:
        """Remember that a batch has come this far; False when that is old news."""
        is_old = report.batch_id in self.settled_batches or report.attempt != self.row.attempt
        if is_old or report.count <= self.in_flight.get(report.batch_id, 0):
            return False
        self.in_flight[report.batch_id] = report.count
        self._show(self.shown)
        return True

    def apply_settled(self, report: SettledReport) -> bool:
        """Take over committed counts; False when that is old news."""
        if report.attempt != self.row.attempt or report.batch_id in self.settled_batches:
            return False
        if report.batch_id is not None:
            self.settled_batches.add(report.batch_id)
            self.in_flight.pop(report.batch_id, None)
        settled, shown = report.settled, self.shown
        if settled.revision > shown.revision:
            shown = replace(
                shown,
                counts=settled.counts,
                revision=settled.revision,
                faces_detected=settled.faces_detected,
                step=report.step or shown.step,
            )
        self._show(shown)
        return True

    def apply_returned(self, batch_id: int) -> None:
        """Forget a batch whose worker was lost; its photos come back in other batches."""
        self.settled_batches.add(batch_id)
        self.in_flight.pop(batch_id, None)
        self._show(self.shown)

    def drop_in_flight(self) -> None:
        """Forget the batches of workers that are gone; what was shown stays shown."""
        self.in_flight.clear()
        self._show(self.shown)

    def _show(self, snapshot: PhaseSnapshot) -> None:
        live = replace(snapshot, in_flight=sum(self.in_flight.values()))
        self.shown = never_fall(self.shown, live)

    def sample(self, *, now: float) -> None:
        """Note the shown count for the rate."""
        if self.shown.status is PhaseStatus.RUNNING and self.sampling.is_due(now=now):
            self.rate.add_sample(now=now, count=self.shown.shown)

    def snapshot(self, *, now: float) -> PhaseSnapshot:
        """Return the phase as it is to be shown at `now`."""
        return replace(self.shown, rate_per_s=self.rate.rate_per_s(now=now))


@dataclass(slots=True)
class LiveSession:
    """One session's phases, in their order, and the version of its latest change."""

    phases: dict[PhaseName, LivePhase]
    version: int = 0
    waiting_for: str | None = None

    @classmethod
    def from_rows(cls, rows: Snapshots) -> LiveSession:
        """Begin with what the database says."""
        return cls({row.name: LivePhase(row, row) for row in rows})


class Progress:
    """The live view, without Ray: reports in, answers out.

    `load` reads the phases of a session from the database and raises NotFound; `clock` gives
    seconds that never jump; versions start after `first_version`, so that a restarted view never
    repeats one; `meter` takes what is measured for those who run it.
    """

    def __init__(
        self,
        *,
        load: Callable[[int], Snapshots],
        clock: Callable[[], float],
        first_version: int = 0,
        weights: Mapping[PhaseName, float] = DEFAULT_WEIGHTS,
        meter: Meter | None = None,
    ) -> None:
        self._load, self._clock, self._weights = load, clock, weights
        self._measures = LiveMeasures(meter or NoMeter())
        self._version = first_version
        self._sessions: dict[int, LiveSession] = {}
        self._changed = asyncio.Condition()

    async def in_flight(self, report: InFlight) -> None:
        """Show photos that are done but not committed."""
        session = await self._session(report.session_id)
        if session.phases[report.phase].apply_in_flight(report):
            await self._announce(report.session_id, session)

    async def settled(self, report: SettledReport) -> None:
        """Show counts that were committed."""
        session = await self._session(report.session_id)
        if session.phases[report.phase].apply_settled(report):
            await self._announce(report.session_id, session)

    async def returned(self, session_id: int, phase: PhaseName, batch_id: int) -> None:
        """Show a batch no longer as in flight: its worker was lost."""
        session = await self._session(session_id)
        session.phases[phase].apply_returned(batch_id)
        await self._announce(session_id, session)

    async def waiting(self, session_id: int, waiting_for: str | None) -> None:
        """Show what a session waits for, "database unreachable, ..."; None when it goes on."""
        session = self._sessions.get(session_id)
        if session is not None and session.waiting_for != waiting_for:
            session.waiting_for = waiting_for
            await self._announce(session_id, session)

    async def reload(self, session_id: int, *, drop_in_flight: bool = False) -> None:
        """Read the rows again, after a status changed; optionally forget what was in flight.

        Raises NotFound when the session was erased; nothing is known of it then.
        """
        try:
            rows = await asyncio.to_thread(self._load, session_id)
        except NotFound:
            self._sessions.pop(session_id, None)
            raise
        session = self._sessions.setdefault(session_id, LiveSession.from_rows(rows))
        session.waiting_for = None
        for row in rows:
            phase = session.phases[row.name]
            if drop_in_flight:
                phase.drop_in_flight()
            phase.apply_row(row)
        await self._announce(session_id, session)

    async def show(self, session_id: int) -> UnifiedProgress:
        """Return a session's progress as it is now; NotFound when there is no such session."""
        session = await self._session(session_id)
        return self._unify(session_id, session)

    async def changes(
        self, since: int, *, timeout_s: float
    ) -> tuple[int, tuple[UnifiedProgress, ...]]:
        """Wait until a session changes after version `since`; return the newest version and them.

        Nothing changed within `timeout_s` gives no session. Changes that come close together are
        given together.
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
        """Return the sum of the phases' revisions of each session that is known here."""
        return {
            session_id: sum(phase.shown.revision for phase in session.phases.values())
            for session_id, session in self._sessions.copy().items()
        }

    async def measure(self) -> None:
        """Set the gauges of all sessions that are not over."""
        now = self._clock()
        for session_id, session in self._sessions.items():
            progress = self._unify(session_id, session)
            if not progress.status.is_terminal:
                in_flight = {name: phase.in_flight for name, phase in session.phases.items()}
                self._measures.gauge(progress, in_flight, now=now)

    async def ping(self) -> int:
        """Return the newest version: the view is alive."""
        return self._version

    async def _session(self, session_id: int) -> LiveSession:
        if session_id not in self._sessions:
            await self.reload(session_id)
        return self._sessions[session_id]

    async def _announce(self, session_id: int, session: LiveSession) -> None:
        for phase in session.phases.values():
            phase.sample(now=self._clock())
            self._measures.count(session_id, phase.shown)
        self._version += 1
        session.version = self._version
        self._forget_old_sessions()
        async with self._changed:
            self._changed.notify_all()

    def _unify(self, session_id: int, session: LiveSession) -> UnifiedProgress:
        now = self._clock()
        phases = tuple(phase.snapshot(now=now) for phase in session.phases.values())
        return unify(
            session_id,
            phases,
            version=session.version,
            waiting_for=session.waiting_for,
            weights=self._weights,
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


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=1000)
class ProgressActor(Progress):
    """`Progress` as a Ray actor that reads its truth from PostgreSQL, and misses lost drivers."""

    def __init__(self, database_url: str, weights: Mapping[PhaseName, float]) -> None:
        engine = build_engine(database_url, pool_size=2)
        super().__init__(
            load=partial(load_snapshots, engine),
            clock=time.monotonic,
            first_version=int(time.time() * 1000),
            weights=weights,
            meter=RayMeter(),
        )
        log_to_stderr()
        context = ray.get_runtime_context()
        watch = Watch(
            engine,
            is_job_alive=partial(is_job_alive, address=context.gcs_address),
            shown=self.revisions,
            reload=context.current_actor.reload.remote,
        )
        threading.Thread(target=watch.run, name="watch", daemon=True).start()
        measure = partial(measure_for_ever, context.current_actor.measure.remote)
        threading.Thread(target=measure, name="measure", daemon=True).start()


def measure_for_ever(measure: Callable[[], object]) -> None:
    """Ask again and again for gauges; the asking is a thread's, the measuring the actor's own."""
    while True:
        time.sleep(MEASURE_INTERVAL_S)
        measure()


def start_progress_actor(
    database_url: str, *, weights: Mapping[PhaseName, float], namespace: str
) -> ActorHandle:
    """Return the one ProgressActor of this library, started when there is none yet."""
    actor = cast(Any, ProgressActor).options(
        name=ACTOR_NAME, namespace=namespace, lifetime="detached", get_if_exists=True
    )
    handle: ActorHandle = actor.remote(database_url, dict(weights))
    return handle

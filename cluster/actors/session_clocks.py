"""Keeps the clocks of the sessions in the live view, and stores the times that they show.

`SessionClocks` is a plain class that calls the database in threads. While the database is
unreachable, the clocks continue, and their times are stored later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from cluster.actors.free_cpus import FreeCpus
from cluster.core.errors import DatabaseUnavailable
from cluster.core.live import LiveSession
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.forecast import Outlook
from cluster.core.time_left.live_clock import LiveClock
from cluster.core.time_left.promises import Sample
from cluster.core.time_left.timekeeping import TimeInputs
from cluster.core.time_left.timing import Moment
from cluster.core.time_left.workload import Workload
from cluster.store.database.engine import Engine
from cluster.store.sessions.session_samples import forget_samples, keep_moment, read_moment
from cluster.store.sessions.workloads import load_past, load_workload

WARM_UP_S = 2.0
"""Seconds at the start of a session in which Ray and its workers start. They have normal priority
until then, and would be counted as other programs."""


@dataclass(frozen=True, slots=True)
class TimeStore:
    """Functions that read and store the times of sessions: in PostgreSQL, or in a fake in tests.

    All of them raise DatabaseUnavailable. `keep` takes the session, its moment, the attempts of its
    phases and new samples. `cpus` measures the share of this machine's CPUs that other programs
    leave free.
    """

    read: Callable[[int], Moment]
    past: Callable[[int], Outlook]
    work: Callable[[int], Workload]
    keep: Callable[[int, Moment, dict[PhaseName, int], Sequence[Sample]], object]
    forget: Callable[[int], object]
    cpus: FreeCpus | None = None

    @classmethod
    def of(cls, engine: Engine) -> TimeStore:
        """Return the functions for the database of an engine."""

        def past(session_id: int) -> Outlook:
            speeds, grouping = load_past(engine, session_id)
            return Outlook(past=speeds, grouping=grouping)

        def keep(
            session_id: int,
            moment: Moment,
            attempts: dict[PhaseName, int],
            samples: Sequence[Sample],
        ) -> None:
            keep_moment(engine, session_id, moment, attempts=attempts, samples=samples)

        return cls(
            read=partial(read_moment, engine),
            past=past,
            work=partial(load_workload, engine),
            keep=keep,
            forget=partial(forget_samples, engine),
            cpus=FreeCpus(),
        )


class SessionClocks:
    """Ticks the clock of a session, at most once at a time."""

    def __init__(self, store: TimeStore, *, clock: Callable[[], float]) -> None:
        self._store, self._now, self._cpus = store, clock, store.cpus

    async def provide(self, session_id: int, session: LiveSession) -> LiveClock:
        """Return the session's clock, which continues from the stored times."""
        if session.clock is None:
            moment = await asyncio.to_thread(self._store.read, session_id)
            session.clock = session.clock or LiveClock.going_on(moment)
        return session.clock

    async def tick(self, session_id: int, session: LiveSession) -> None:
        """Measure, forecast, and store the times that are shown then."""
        try:
            clock = await self.provide(session_id, session)
            if not clock.is_busy:
                clock.is_busy = True
                try:
                    await self._tick(session_id, session, clock)
                finally:
                    clock.is_busy = False
        except DatabaseUnavailable:
            return  # The next tick tries again; until then, the stored times are shown.

    async def _tick(self, session_id: int, session: LiveSession, clock: LiveClock) -> None:
        if not clock.has_past:
            clock.take_past(await asyncio.to_thread(self._store.past, session_id))
        phases = session.snapshots(now=self._now())
        is_running = any(phase.status is PhaseStatus.RUNNING for phase in phases)
        if is_running and clock.wants_work(phases, now=self._now()):
            asked_at = self._now()
            workload = await asyncio.to_thread(self._store.work, session_id)
            clock.take_work(workload, phases, asked_at=asked_at, now=self._now())
        if self._cpus is not None:
            if clock.shown.worked_s < WARM_UP_S:
                self._cpus.forget()
            self._cpus.look(now=self._now())
            clock.take_free(self._cpus.share)
        now = self._now()
        before_s = clock.shown.worked_s
        clock.tick(session.snapshots(now=now), now=now)
        if clock.shown.worked_s < before_s:
            await asyncio.to_thread(self._store.forget, session_id)
        if clock.is_store_due(now=now):
            await self._keep(session_id, session, clock)

    async def _keep(self, session_id: int, session: LiveSession, clock: LiveClock) -> None:
        moment, samples = clock.clock.moment, clock.take_samples()
        attempts = {name: phase.row.attempt for name, phase in session.phases.items()}
        await asyncio.to_thread(self._store.keep, session_id, moment, attempts, samples)
        clock.stored(moment, now=self._now())


def tell_inputs(session: LiveSession, *, now: float) -> TimeInputs | None:
    """Return the inputs from which a session's time left is estimated now; None without a clock."""
    if session.clock is None:
        return None
    phases = {phase.name: phase for phase in session.snapshots(now=now)}
    clock = session.clock.clock
    return TimeInputs(now, phases, clock.workload, clock.outlook, session.clock.show(now=now))

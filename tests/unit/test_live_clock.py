"""The time of a session in the live view is stored before it is shown, and delays nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from cluster.actors.session_clocks import SessionClocks, TimeStore
from cluster.core.errors import DatabaseUnavailable
from cluster.core.live import LiveSession
from cluster.core.sessions import PhaseName
from cluster.core.time_left.forecast import Outlook
from cluster.core.time_left.promises import Sample
from cluster.core.time_left.timing import Moment, Scope
from cluster.core.time_left.workload import Probe, Workload
from tests.sessions_in_time import MadeSession

SESSION = 1


@dataclass
class Stored:
    """A store in memory, which may be unreachable."""

    made: MadeSession
    second: float = 0.0
    is_down: bool = False
    moment: Moment = field(default_factory=Moment)
    samples: list[Sample] = field(default_factory=list)
    asked: int = 0

    def as_store(self) -> TimeStore:
        return TimeStore(
            read=self._read,
            past=lambda session_id: Outlook(),
            work=self._work,
            keep=self._keep,
            forget=lambda session_id: self.samples.clear(),
        )

    def _read(self, session_id: int) -> Moment:
        self._check()
        return self.moment

    def _work(self, session_id: int) -> Workload:
        self._check()
        self.asked += 1
        return self.made.workload(self.made.at(self.second))

    def _keep(
        self,
        session_id: int,
        moment: Moment,
        attempts: dict[PhaseName, int],
        samples: Sequence[Sample],
    ) -> None:
        self._check()
        self.moment = moment
        self.samples += samples

    def _check(self) -> None:
        if self.is_down:
            raise DatabaseUnavailable("the database is away")


@dataclass
class Watched:
    """A synthetic session in the live view, and the store of its time."""

    stored: Stored
    session: LiveSession
    clocks: SessionClocks

    @classmethod
    def of(cls, made: MadeSession) -> Watched:
        stored = Stored(made)
        session = LiveSession.from_rows(tuple(made.at(0).values()))
        return cls(stored, session, SessionClocks(stored.as_store(), clock=lambda: stored.second))

    def run(self, seconds: int) -> list[Moment]:
        return asyncio.run(self._run(seconds))

    async def _run(self, seconds: int) -> list[Moment]:
        shown = []
        for _ in range(seconds):
            self.stored.second += 1.0
            rows = self.stored.made.at(self.stored.second)
            self.session.phases = LiveSession.from_rows(tuple(rows.values())).phases
            await self.clocks.tick(SESSION, self.session)
            assert self.session.clock is not None or self.stored.is_down
            if self.session.clock is not None:
                shown.append(self.session.clock.shown)
        return shown


def test_a_share_of_time_is_stored_before_it_is_shown() -> None:
    watched = Watched.of(MadeSession(photos=3_000))
    for moment in watched.run(60):
        assert moment.time_percentage <= watched.stored.moment.time_percentage
    assert watched.stored.moment.time_percentage > 10


def test_what_is_shown_counts_down_between_two_ticks() -> None:
    watched = Watched.of(MadeSession(photos=3_000))
    watched.run(40)
    clock, now = watched.session.clock, watched.stored.second
    assert clock is not None
    ticked = clock.show(now=now).ranges[Scope.SESSION]
    later = clock.show(now=now + 0.75).ranges[Scope.SESSION]
    assert later.middle_s == ticked.middle_s - 0.75
    assert later.high_s == ticked.high_s - 0.75
    assert clock.show(now=now + 1e6).ranges[Scope.SESSION].low_s >= 0


def test_without_a_database_the_time_left_goes_on_and_the_share_stands_still() -> None:
    watched = Watched.of(MadeSession(photos=3_000))
    before = watched.run(30)[-1]
    watched.stored.is_down = True
    while_down = watched.run(20)
    assert {moment.time_percentage for moment in while_down} == {before.time_percentage}
    watched.stored.is_down = False
    after = watched.run(5)[-1]
    assert after.time_percentage > before.time_percentage
    assert after.ranges[Scope.SESSION].middle_s < before.ranges[Scope.SESSION].middle_s


def test_samples_end_with_the_end_of_each_phase_and_of_the_session() -> None:
    made = MadeSession()
    watched = Watched.of(made)
    watched.run(int(made.ends[2]) + 3)
    for scope, end_s in zip(
        (Scope.TRAINING, Scope.FACE_DETECTION, Scope.SESSION),
        (made.ends[0], made.ends[1], made.ends[2]),
        strict=True,
    ):
        last = max(
            (one for one in watched.stored.samples if one.scope is scope), key=lambda s: s.number
        )
        assert abs(last.worked_s - end_s) <= 2.0
        assert last.left is not None
        assert last.left.middle_s == 0.0


def test_the_work_ahead_is_read_seldom() -> None:
    watched = Watched.of(MadeSession(photos=3_000))
    watched.run(100)
    assert watched.stored.asked < 20


def test_a_larger_probe_takes_the_place_of_a_smaller_one() -> None:
    watched = Watched.of(MadeSession())
    watched.run(3)
    clock = watched.session.clock
    assert clock is not None
    for photos, seconds in ((4, 1.0), (8, 2.0), (2, 3.0)):
        clock.take_probe(Probe(photos, seconds, 1.0, 0.3))
    probe = clock.clock.outlook.probe
    assert probe is not None
    assert (probe.photos, probe.seconds) == (8, 2.0)

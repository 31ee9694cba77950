"""All clients share one subscription, and no count falls when the live view restarts or is gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from cluster.core.errors import DatabaseUnavailable
from cluster.core.progress import (
    DEFAULT_WEIGHTS,
    PhaseCounts,
    PhaseSnapshot,
    UnifiedProgress,
    unify,
)
from cluster.core.sessions import PhaseName, PhaseStatus
from serve.live import live_progress as live_module
from serve.live.event_streams import MIN_INTERVAL_S, choose_interval_s, stream_events
from serve.live.live_progress import Live
from serve.problems import LiveViewUnavailable
from tests.waiting import PATIENT_S

SESSION = 3
TOTAL = 100


def rows(finished: int, *, status: PhaseStatus = PhaseStatus.RUNNING) -> tuple[PhaseSnapshot, ...]:
    training = PhaseSnapshot(
        PhaseName.TRAINING, status=status, counts=PhaseCounts(TOTAL, processed=finished)
    )
    others = (PhaseName.FACE_DETECTION, PhaseName.CLUSTERING)
    return (training, *(PhaseSnapshot(name, counts=PhaseCounts(TOTAL)) for name in others))


class LiveView:
    """A live view whose answers a test sets, and which can stop answering."""

    def __init__(self, finished: int = 0, *, version: int = 1000) -> None:
        self.finished, self.version = finished, version
        self.is_gone = False
        self.subscriptions = self.subscribers = 0
        self.reloaded: list[int] = []
        self.news = asyncio.Event()

    def say(self, finished: int, *, version: int | None = None) -> None:
        self.finished, self.version = finished, version or self.version + 1
        self.news.set()

    async def show(self, session_id: int) -> UnifiedProgress:
        if self.is_gone:
            raise LiveViewUnavailable("gone")
        return unify(session_id, rows(self.finished), version=self.version)

    async def reload(self, session_id: int) -> None:
        self.reloaded.append(session_id)

    async def ping(self) -> int:
        return self.version

    async def changes(
        self, since: int, *, timeout_s: float
    ) -> tuple[int, tuple[UnifiedProgress, ...]]:
        self.subscribers += 1
        self.subscriptions = max(self.subscriptions, self.subscribers)
        try:
            async with asyncio.timeout(timeout_s):
                await self.news.wait()
        except TimeoutError:
            return self.version, ()
        finally:
            self.subscribers -= 1
        self.news.clear()
        return self.version, (await self.show(SESSION),)


class Rows:
    """A database that holds how many photos are settled, or cannot be reached."""

    def __init__(self, finished: int = 0) -> None:
        self.finished, self.is_gone, self.refused = finished, False, 0

    def load(self, session_id: int) -> tuple[PhaseSnapshot, ...]:
        if self.is_gone:
            self.refused += 1
            raise DatabaseUnavailable("gone")
        return rows(self.finished)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "QUIET_S", 0.02)
    monkeypatch.setattr(live_module, "RETRY_S", 0.01)


def build_live(view: LiveView, database: Rows | None = None) -> Live:
    database = database or Rows()
    return Live(
        source=view, load=database.load, weights=DEFAULT_WEIGHTS, first_version=lambda: 1000
    )


def current(progress: UnifiedProgress | None) -> int:
    assert progress is not None
    return progress.phase(PhaseName.TRAINING).current


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, timeout=PATIENT_S))


async def following(live: Live, scenario: Coroutine[Any, Any, None]) -> None:
    follower = asyncio.create_task(live.follow())
    try:
        await scenario
        assert not follower.done()
    finally:
        follower.cancel()


def test_many_clients_share_one_subscription() -> None:
    async def scenario() -> None:
        view = LiveView()
        live = build_live(view)

        async def ask() -> None:
            waits = (live.wait(SESSION, since=1000, timeout_s=PATIENT_S) for _ in range(50))
            clients = asyncio.gather(*waits)
            await asyncio.sleep(0.05)
            view.say(7)
            assert [current(news) for news in await clients] == [7] * 50

        await following(live, ask())
        assert view.subscriptions == 1

    run(scenario())


def test_a_crowd_of_streams_gets_fewer_events_each_and_not_all_at_once() -> None:
    assert {choose_interval_s(streams) for streams in range(400)} == {MIN_INTERVAL_S}
    intervals = [choose_interval_s(3000) for _ in range(100)]
    assert len(set(intervals)) > 50
    assert all(2 < interval < 4 for interval in intervals)


def test_a_stream_counts_for_as_long_as_it_is_open() -> None:
    async def scenario() -> None:
        live = build_live(LiveView())
        streams = [stream_events(live, SESSION, since=0) for _ in range(3)]
        for stream in streams:
            await anext(stream)
        assert live.streams == 3
        for stream in streams:
            await stream.aclose()
        assert live.streams == 0

    run(scenario())


def test_a_restarted_view_that_forgot_what_was_in_flight_lowers_no_count() -> None:
    """[12] A count never falls below what was shown; only rows and photos in flight raise it."""

    async def scenario() -> None:
        view, database = LiveView(finished=40), Rows(finished=32)
        live = build_live(view, database)
        assert current(await live.show(SESSION)) == 40
        view.say(32, version=5000)
        assert current(await live.show(SESSION)) == 40
        view.say(48)
        assert current(await live.show(SESSION)) == 48

    run(scenario())


def test_a_new_attempt_may_begin_lower() -> None:
    async def scenario() -> None:
        view = LiveView(finished=40)
        live = build_live(view)
        before = await live.show(SESSION)
        phases = tuple(replace(phase, attempt=2) for phase in rows(5))
        again = unify(SESSION, phases, version=before.version + 1)

        async def show(session_id: int) -> UnifiedProgress:
            return again

        view.show = show  # type: ignore[method-assign]
        assert current(await live.show(SESSION)) == 5

    run(scenario())


def test_the_rows_answer_while_the_view_is_gone_and_versions_go_on_rising() -> None:
    async def scenario() -> None:
        view, database = LiveView(finished=40), Rows(finished=32)
        live = build_live(view, database)
        seen = [await live.show(SESSION)]
        view.is_gone = True
        seen.append(await live.show(SESSION))
        database.finished = 64
        seen.append(await live.show(SESSION))
        view.is_gone = False
        view.say(70)
        seen.append(await live.show(SESSION))
        assert [current(progress) for progress in seen] == [40, 40, 64, 70]
        versions = [progress.version for progress in seen]
        assert versions == sorted(versions)
        assert len(set(versions)) == 3

    run(scenario())


def test_rows_that_were_read_before_newer_news_lower_no_count() -> None:
    """This also holds for the high-water mark in the rows, which is as old as the read."""

    class SlowRows(Rows):
        def __init__(self) -> None:
            super().__init__(finished=32)
            self.has_begun, self.may_end = threading.Event(), threading.Event()

        def load(self, session_id: int) -> tuple[PhaseSnapshot, ...]:
            training, *others = super().load(session_id)
            self.has_begun.set()
            assert self.may_end.wait(PATIENT_S)
            return (replace(training, high_water_mark=40), *others)

    async def scenario() -> None:
        view, database = LiveView(finished=40), SlowRows()
        live = build_live(view, database)
        await live.show(SESSION)
        view.is_gone = True
        asked = asyncio.create_task(live.show(SESSION))
        await asyncio.to_thread(database.has_begun.wait, PATIENT_S)
        view.is_gone = False
        view.say(70)
        assert current(await live.show(SESSION)) == 70
        database.may_end.set()
        assert current(await asked) == 70

    run(scenario())


def test_nothing_new_keeps_the_version_while_the_view_is_gone() -> None:
    async def scenario() -> None:
        view = LiveView()
        view.is_gone = True
        live = build_live(view, Rows(finished=10))
        first, second = await live.show(SESSION), await live.show(SESSION)
        assert first == second
        assert first.version == 1000

    run(scenario())


def test_a_waiting_client_is_served_from_the_rows_while_the_view_is_gone() -> None:
    async def scenario() -> None:
        view, database = LiveView(finished=8), Rows(finished=8)
        live = build_live(view, database)

        async def wait() -> None:
            shown = await live.show(SESSION)
            view.is_gone = True
            view.news.set()
            database.finished = 24
            news = await live.wait(SESSION, since=shown.version, timeout_s=PATIENT_S)
            assert current(news) == 24

        await following(live, wait())

    run(scenario())


def test_the_loop_survives_that_view_and_database_are_both_gone() -> None:
    async def scenario() -> None:
        view, database = LiveView(finished=8), Rows(finished=8)
        live = build_live(view, database)

        async def wait() -> None:
            shown = await live.show(SESSION)
            waiting = asyncio.create_task(
                live.wait(SESSION, since=shown.version, timeout_s=PATIENT_S)
            )
            view.is_gone = database.is_gone = True
            view.news.set()
            while not database.refused:
                await asyncio.sleep(0.01)
            view.is_gone = database.is_gone = False
            view.say(16)
            assert current(await waiting) == 16

        await following(live, wait())

    run(scenario())


def test_rows_of_a_watched_session_are_read_again_when_no_report_comes() -> None:
    async def scenario() -> None:
        view = LiveView(finished=8)
        live = build_live(view)

        async def wait() -> None:
            while SESSION not in view.reloaded:
                assert await live.wait(SESSION, since=view.version, timeout_s=0.1) is None

        await following(live, wait())

    run(scenario())


def test_sessions_that_nobody_watches_are_forgotten() -> None:
    async def scenario() -> None:
        live = build_live(LiveView())
        for session_id in range(live_module.MAX_KNOWN + 20):
            await live.show(session_id)
        assert len(live._newest_by_id) == live_module.MAX_KNOWN

    run(scenario())

"""The live view: settled counts and photos in flight, whatever the order of the reports."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.actors.progress_actor import Progress
from cluster.core.errors import DatabaseUnavailable
from cluster.core.pictures.photos import Settled
from cluster.core.progress import PhaseCounts, PhaseSnapshot, UnifiedProgress
from cluster.core.reports import InFlight, SettledReport
from cluster.core.sessions import PhaseName, PhaseStatus, SessionStatus
from tests.views import view_without_database
from tests.waiting import PATIENT_S

SESSION = 7
DETECTION = PhaseName.FACE_DETECTION


class Rows:
    """The rows of one session, as the database would give them."""

    def __init__(self, total: int = 100) -> None:
        self.is_unreachable = False
        self.rows = {name: PhaseSnapshot(name, counts=PhaseCounts(total)) for name in PhaseName}
        self.change(DETECTION, status=PhaseStatus.RUNNING, revision=1)

    def change(self, name: PhaseName, **values: Any) -> None:
        self.rows[name] = replace(self.rows[name], **values)

    def load(self, session_id: int) -> tuple[PhaseSnapshot, ...]:
        return tuple(self.rows.values())

    def keep(self, session_id: int, name: PhaseName, attempt: int, count: int) -> None:
        if self.is_unreachable:
            raise DatabaseUnavailable("gone")
        if self.rows[name].attempt == attempt and self.rows[name].high_water_mark < count:
            self.change(name, high_water_mark=count)


def build_progress(rows: Rows, clock: Callable[[], float] = lambda: 0.0) -> Progress:
    return view_without_database(load=rows.load, keep=rows.keep, clock=clock)


def in_flight(batch_id: int, count: int, attempt: int = 1) -> InFlight:
    return InFlight(SESSION, DETECTION, attempt, batch_id, count)


def settled(batch_id: int, revision: int, processed: int, total: int = 100) -> SettledReport:
    counts = PhaseCounts(total, processed)
    return SettledReport(SESSION, DETECTION, 1, batch_id, Settled(revision, counts))


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(scenario)


async def send(progress: Progress, *reports: InFlight | SettledReport) -> UnifiedProgress:
    for report in reports:
        if isinstance(report, InFlight):
            await progress.in_flight(report)
        else:
            await progress.settled(report)
    return await progress.show(SESSION)


def test_face_detection_moves_per_photo_and_is_running_from_its_first_second() -> None:
    async def scenario() -> None:
        progress = build_progress(Rows())
        first = await progress.show(SESSION)
        assert first.phase(DETECTION).status is PhaseStatus.RUNNING
        seen = [(await send(progress, in_flight(1, n))).phase(DETECTION).current for n in range(17)]
        assert seen == list(range(17))

    run(scenario())


def test_what_is_in_flight_is_kept_in_the_row_before_it_is_shown() -> None:
    async def scenario() -> None:
        rows = Rows()
        progress = build_progress(rows)
        rows.is_unreachable = True
        assert (await send(progress, in_flight(1, 5))).phase(DETECTION).current == 0
        rows.is_unreachable = False
        assert (await send(progress, in_flight(1, 6))).phase(DETECTION).current == 6
        assert rows.rows[DETECTION].high_water_mark == 6

    run(scenario())


@given(st.lists(st.one_of(st.integers(1, 8), st.sampled_from(["settle", "end"])), max_size=40))
def test_a_view_that_begins_anew_never_shows_less_than_the_one_before(
    events: list[int | str],
) -> None:
    async def scenario() -> None:
        rows, batch, shown = Rows(total=1_000), 1, [0]
        progress = build_progress(rows)
        for event in events:
            row = rows.rows[DETECTION]
            if event == "settle":
                counts = replace(row.counts, processed=row.counts.processed + 8)
                rows.change(DETECTION, counts=counts, revision=row.revision + 1)
                report = settled(batch, row.revision + 1, counts.processed, total=1_000)
                batch += 1
            elif event == "end":
                progress, batch = build_progress(rows), batch + 1
                shown.append((await progress.show(SESSION)).phase(DETECTION).current)
                continue
            else:
                report = in_flight(batch, int(event))
            shown.append((await send(progress, report)).phase(DETECTION).current)
        assert shown == sorted(shown)

    run(scenario())


def test_a_batch_that_settles_replaces_what_it_had_in_flight() -> None:
    async def scenario() -> None:
        progress = build_progress(Rows())
        shown = await send(progress, in_flight(1, 16), in_flight(2, 4), settled(1, 2, 16))
        assert shown.phase(DETECTION).current == 20

    run(scenario())


def test_a_late_report_of_a_settled_batch_is_not_counted_again() -> None:
    async def scenario() -> None:
        progress = build_progress(Rows())
        shown = await send(progress, settled(1, 2, 16), in_flight(1, 9), settled(1, 2, 16))
        assert shown.phase(DETECTION).current == 16

    run(scenario())


def test_an_older_revision_never_replaces_a_newer_one() -> None:
    async def scenario() -> None:
        progress = build_progress(Rows())
        shown = await send(progress, settled(2, 3, 32), settled(1, 2, 16))
        assert shown.phase(DETECTION).current == 32

    run(scenario())


REPORTS = [
    *(in_flight(batch, n) for batch in (1, 2, 3) for n in (4, 8)),
    settled(1, 2, 16),
    settled(2, 3, 32),
    settled(3, 4, 48),
]


@given(st.permutations(REPORTS), st.lists(st.sampled_from(REPORTS), max_size=6))
def test_reports_in_any_order_and_twice_give_the_same_answer(
    reports: list[InFlight | SettledReport], again: list[InFlight | SettledReport]
) -> None:
    async def scenario() -> None:
        progress, seen = build_progress(Rows()), [0]
        for report in [*reports, *again]:
            seen.append((await send(progress, report)).phase(DETECTION).current)
        assert seen == sorted(seen)
        # Until all three have settled the view may run ahead; the mark keeps the highest count.
        assert seen[-1] >= 48
        phase = (await progress.show(SESSION)).phase(DETECTION)
        assert phase.processed + phase.skipped + phase.failed == phase.current

    run(scenario())


def test_a_worker_that_dies_takes_its_photos_out_of_flight_and_nothing_falls() -> None:
    async def scenario() -> None:
        progress = build_progress(Rows())
        await send(progress, in_flight(1, 10))
        await progress.returned(SESSION, DETECTION, 1)
        assert (await progress.show(SESSION)).phase(DETECTION).current == 10
        assert (await send(progress, in_flight(2, 4))).phase(DETECTION).current == 10
        assert (await send(progress, in_flight(2, 12))).phase(DETECTION).current == 12

    run(scenario())


def test_the_last_photo_counts_only_when_it_is_committed() -> None:
    async def scenario() -> None:
        progress = build_progress(Rows(total=16))
        flying = await send(progress, in_flight(1, 16))
        assert flying.phase(DETECTION).current == 15
        assert (await send(progress, settled(1, 2, 16, total=16))).phase(DETECTION).current == 16

    run(scenario())


def test_a_new_attempt_begins_at_its_own_count() -> None:
    async def scenario() -> None:
        rows = Rows()
        progress = build_progress(rows)
        await send(progress, settled(1, 2, 60))
        rows.change(DETECTION, attempt=2, revision=3, counts=PhaseCounts(100))
        await progress.reload(SESSION)
        shown = await send(progress, in_flight(9, 3, attempt=1))
        assert shown.phase(DETECTION).current == 0

    run(scenario())


def test_a_view_that_restarts_reads_the_rows_and_goes_on() -> None:
    async def scenario() -> None:
        rows = Rows()
        rows.change(DETECTION, counts=PhaseCounts(100, 64), revision=5)
        progress = build_progress(rows)
        assert (await send(progress, settled(4, 4, 48))).phase(DETECTION).current == 64
        assert (await progress.show(SESSION)).version > 1000

    run(scenario())


def test_what_a_session_waits_for_is_shown_until_it_goes_on() -> None:
    async def scenario() -> list[str | None]:
        progress = build_progress(Rows())
        shown = [await send(progress, in_flight(1, 5))]
        for waiting_for in ("database unreachable, retrying for 8 s", None):
            await progress.waiting(SESSION, waiting_for)
            shown.append(await progress.show(SESSION))
        assert [one.version for one in shown] == sorted({one.version for one in shown})
        return [one.waiting_for for one in shown]

    assert run(scenario()) == [None, "database unreachable, retrying for 8 s", None]


def test_every_change_has_a_higher_version() -> None:
    async def scenario() -> None:
        progress = build_progress(Rows())
        versions = [(await send(progress, in_flight(1, n))).version for n in range(1, 9)]
        assert all(later > earlier for earlier, later in itertools.pairwise(versions))

    run(scenario())


def test_waiting_for_a_change_ends_with_the_change_or_with_nothing() -> None:
    async def scenario() -> None:
        progress = build_progress(Rows())
        version = (await progress.show(SESSION)).version
        assert await progress.changes(version, timeout_s=0.01) == (version, ())
        waiting = asyncio.create_task(progress.changes(version, timeout_s=PATIENT_S))
        await asyncio.sleep(0)
        await progress.in_flight(in_flight(1, 1))
        newest, (changed,) = await waiting
        assert newest > version
        assert changed.session_id == SESSION

    run(scenario())


@pytest.mark.parametrize("seconds", [10.0])
def test_the_rate_is_measured(seconds: float) -> None:
    async def scenario() -> None:
        now = [0.0]
        progress = build_progress(Rows(), clock=lambda: now[0])
        for count in range(1, 51):
            now[0] = count * seconds / 50
            await progress.in_flight(in_flight(1, count))
        phase = (await progress.show(SESSION)).phase(DETECTION)
        assert phase.images_per_minute == pytest.approx(60 * 50 / seconds, rel=0.05)

    run(scenario())


def test_a_session_completes_with_one_hundred_percent() -> None:
    async def scenario() -> None:
        rows = Rows(total=10)
        for name in PhaseName:
            rows.change(
                name, status=PhaseStatus.COMPLETED, revision=9, counts=PhaseCounts(10, 6, 3, 1)
            )
        shown = await build_progress(rows).show(SESSION)
        assert (shown.status, shown.percentage) == (SessionStatus.COMPLETED, 100.0)

    run(scenario())

"""The file through which the live view shows its node the same as in its answers, or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.actors.shared_snapshots import FRESH_S, SLOTS, SharedSnapshots, read_snapshot
from cluster.core.errors import NotFound
from cluster.core.pictures.photos import Settled
from cluster.core.progress import PhaseCounts, PhaseSnapshot, UnifiedProgress, unify
from cluster.core.reports import InFlight, SettledReport
from cluster.core.sessions import PhaseName, PhaseStatus
from tests.views import view_without_database

TRAINING = PhaseName.TRAINING


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live" / "library-node.snapshots"


def progress_of(session_id: int, *, version: int = 1, error: str | None = None) -> UnifiedProgress:
    phases = tuple(PhaseSnapshot(name, error=error) for name in PhaseName)
    return unify(session_id, phases, version=version)


def test_a_session_is_read_as_it_was_shown_last(path: Path, clock: Clock) -> None:
    snapshots = SharedSnapshots(path, clock=clock)
    for version in (1, 2):
        for session_id in range(SLOTS):
            snapshots.show(progress_of(session_id, version=version))
    for session_id in range(SLOTS):
        shown = read_snapshot(path, session_id, clock=clock)
        assert shown == progress_of(session_id, version=2)


def test_what_is_old_is_asked_for(path: Path, clock: Clock) -> None:
    SharedSnapshots(path, clock=clock).show(progress_of(3))
    clock.now += FRESH_S
    assert read_snapshot(path, 3, clock=clock)
    clock.now += 0.01
    assert read_snapshot(path, 3, clock=clock) is None


def test_a_clock_that_began_anew_makes_nothing_fresh(path: Path, clock: Clock) -> None:
    SharedSnapshots(path, clock=clock).show(progress_of(3))
    clock.now = 1.0
    assert read_snapshot(path, 3, clock=clock) is None


def test_two_sessions_that_share_a_slot_are_never_taken_for_one_another(
    path: Path, clock: Clock
) -> None:
    snapshots = SharedSnapshots(path, clock=clock)
    snapshots.show(progress_of(3))
    snapshots.show(progress_of(3 + SLOTS))
    assert read_snapshot(path, 3, clock=clock) is None
    assert read_snapshot(path, 3 + SLOTS, clock=clock) == progress_of(3 + SLOTS)


def test_what_was_wiped_and_what_was_never_shown_is_nothing(path: Path, clock: Clock) -> None:
    assert read_snapshot(path, 3, clock=clock) is None
    snapshots = SharedSnapshots(path, clock=clock)
    assert read_snapshot(path, 3, clock=clock) is None
    snapshots.show(progress_of(3))
    snapshots.wipe(3)
    assert read_snapshot(path, 3, clock=clock) is None


def test_what_does_not_fit_is_nothing_rather_than_what_was_there(path: Path, clock: Clock) -> None:
    snapshots = SharedSnapshots(path, clock=clock)
    snapshots.show(progress_of(3))
    snapshots.show(progress_of(3, error="x" * 10_000))
    assert read_snapshot(path, 3, clock=clock) is None


@given(torn_at=st.integers(0, 600), other=st.binary(min_size=1, max_size=40))
def test_a_slot_in_the_middle_of_being_written_is_nothing(
    torn_at: int, other: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock, path = Clock(), tmp_path_factory.mktemp("snapshots") / "torn.snapshots"
    SharedSnapshots(path, clock=clock).show(progress_of(0))
    whole = path.read_bytes()
    path.write_bytes(whole[:torn_at] + other + whole[torn_at + len(other) :])
    assert read_snapshot(path, 0, clock=clock) in (None, progress_of(0))


def test_a_board_that_cannot_be_made_shows_nothing_and_stops_nobody(
    tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "live").write_text("a file where the folder should be")
    path = tmp_path / "live" / "library-node.snapshots"
    snapshots = SharedSnapshots(path, clock=clock)
    snapshots.show(progress_of(3))
    snapshots.wipe(3)
    assert read_snapshot(path, 3, clock=clock) is None


def test_the_live_view_shows_each_change_before_it_answers(path: Path, clock: Clock) -> None:
    rows = [
        PhaseSnapshot(name, counts=PhaseCounts(total=100), status=PhaseStatus.RUNNING)
        for name in PhaseName
    ]
    is_erased = False

    def load(session_id: int) -> tuple[PhaseSnapshot, ...]:
        if is_erased:
            raise NotFound("session", session_id)
        return tuple(rows)

    view = view_without_database(
        load=load, snapshots=SharedSnapshots(path, clock=clock), clock=clock
    )

    async def answers_alike() -> None:
        assert read_snapshot(path, 7, clock=clock) == await view.show(7)

    async def scenario() -> None:
        nonlocal is_erased
        await view.reload(7)
        await answers_alike()
        for n in range(1, 20):
            await view.in_flight(InFlight(7, TRAINING, 1, n, 1))
            await answers_alike()
            settled = Settled(n, PhaseCounts(total=100, processed=n))
            await view.settled(SettledReport(7, TRAINING, 1, n, settled))
            await answers_alike()
        await view.waiting(7, "database unreachable, retrying for 8 s")
        await answers_alike()
        rows[0] = replace(rows[0], status=PhaseStatus.PAUSED, revision=100)
        await view.reload(7, drop_in_flight=True)
        await answers_alike()
        is_erased = True
        with pytest.raises(NotFound):
            await view.reload(7)
        assert read_snapshot(path, 7, clock=clock) is None

    asyncio.run(scenario())

"""The law of progress. Numbers in brackets: ARCHITECTURE.md, "What must not happen again"."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cluster.core.errors import InvariantBroken
from cluster.core.progress import (
    DEFAULT_WEIGHTS,
    Eta,
    PhaseCounts,
    PhaseSnapshot,
    UnifiedProgress,
    check_counts,
    never_fall,
    percentage,
    show_phase,
    unify,
)
from cluster.core.sessions import PhaseName, PhaseStatus, SessionStatus
from cluster.core.time_left.timing import Moment, Scope, TimeRange

TRAINING, DETECTION, CLUSTERING = PhaseName
PENDING, RUNNING, COMPLETED = PhaseStatus.PENDING, PhaseStatus.RUNNING, PhaseStatus.COMPLETED


def snapshot(
    name: PhaseName = DETECTION, status: PhaseStatus = RUNNING, **known: object
) -> PhaseSnapshot:
    counts = {
        key: known.pop(key) for key in ("total", "processed", "skipped", "failed") if key in known
    }
    return PhaseSnapshot(name, status, PhaseCounts(**counts), **known)  # type: ignore[arg-type]


def completed(name: PhaseName, total: int = 10) -> PhaseSnapshot:
    return snapshot(name, COMPLETED, total=total, processed=total)


def session(*phases: PhaseSnapshot) -> UnifiedProgress:
    return unify(1, phases, version=1)


# Counting


def test_duplicates_count_as_finished() -> None:
    """[1] 331 unique photos and 335 duplicates ended at 49.7 %."""
    shown = show_phase(snapshot(status=COMPLETED, total=666, processed=331, skipped=335))
    assert (shown.current, shown.total, shown.percentage) == (666, 666, 100.0)


def test_a_failed_photo_counts_as_finished_and_is_shown_as_failed() -> None:
    """[2] A corrupt photo kept the bar from 100 %."""
    shown = show_phase(snapshot(total=10, processed=9, failed=1))
    assert (shown.current, shown.percentage, shown.failed) == (10, 100.0, 1)


def test_the_count_moves_with_every_photo_in_flight() -> None:
    """[3] It moved once per batch of 16 and looked frozen."""
    shown = [show_phase(snapshot(total=100, processed=16, in_flight=n)).current for n in range(17)]
    assert shown == list(range(16, 33))


def test_a_phase_that_has_started_is_running_before_its_first_photo() -> None:
    """[3] It said pending until the first batch was done."""
    shown = session(completed(TRAINING), snapshot(total=10), snapshot(CLUSTERING, PENDING))
    assert shown.phase(DETECTION).status is RUNNING
    assert shown.current_phase is DETECTION


def test_clustering_that_runs_says_its_step_and_its_count() -> None:
    """[4] It was a black box between 0 % and 100 %."""
    shown = show_phase(snapshot(CLUSTERING, total=8, processed=3, step="neighbours"))
    assert (shown.step, shown.percentage) == ("neighbours", 37.5)


def test_clustering_that_failed_is_not_complete_and_says_why() -> None:
    """[5] It was shown as 100 % complete."""
    broken = snapshot(CLUSTERING, PhaseStatus.FAILED, error="out of memory")
    shown = session(completed(TRAINING), completed(DETECTION), broken)
    assert shown.status is SessionStatus.FAILED
    assert shown.percentage < 100.0
    assert shown.phase(CLUSTERING).error == "out of memory"


def test_nothing_to_do_is_complete_at_once() -> None:
    """[6] A library without photos to process never completed."""
    shown = session(*(snapshot(name, COMPLETED) for name in PhaseName))
    assert (shown.status, shown.percentage) == (SessionStatus.COMPLETED, 100.0)
    assert [phase.percentage for phase in shown.phases] == [100.0] * 3


def test_resuming_shows_no_more_than_the_total() -> None:
    """[10] It showed 150 to 250 %."""
    shown = show_phase(snapshot(total=10, processed=6, in_flight=9, high_water_mark=12))
    assert shown.current < shown.total


def test_the_count_never_falls_within_an_attempt() -> None:
    """[11] Resuming made the bar go backwards."""
    before = snapshot(total=100, processed=10, in_flight=9)
    now = never_fall(before, snapshot(total=100, processed=12))
    assert now.shown == 19


def test_a_new_attempt_may_start_from_zero() -> None:
    """[12] A cached percentage outlived a restart."""
    before = snapshot(total=100, processed=90, high_water_mark=95)
    assert never_fall(before, snapshot(total=100, attempt=2)).shown == 0


def test_a_phase_of_failures_alone_still_ends() -> None:
    """[13] When every photo failed, a session ran forever."""
    shown = show_phase(snapshot(total=7, failed=7))
    assert (shown.current, shown.percentage) == (7, 100.0)


@pytest.mark.parametrize("status", [PhaseStatus.PAUSED, PhaseStatus.CANCELLED])
def test_a_paused_or_cancelled_session_keeps_its_percentage(status: PhaseStatus) -> None:
    """[14] It was shown as pending."""
    held = snapshot(status=status, total=10, processed=5)
    shown = session(completed(TRAINING), held, snapshot(CLUSTERING, PENDING))
    assert (shown.status.value, shown.percentage, shown.eta) == (status.value, 62.5, None)


def test_every_phase_has_its_own_status() -> None:
    """[17] Clustering said running while faces were being detected."""
    shown = session(completed(TRAINING), snapshot(total=10), snapshot(CLUSTERING, PENDING))
    assert [phase.status for phase in shown.phases] == [COMPLETED, RUNNING, PENDING]


def test_processed_skipped_and_failed_add_up_to_the_count() -> None:
    """[18] Totals of two phases differed without an explanation."""
    shown = show_phase(snapshot(total=666, processed=100, skipped=335, failed=2, in_flight=5))
    assert shown.processed + shown.skipped + shown.failed == shown.current == 442


def test_the_last_photo_is_shown_only_when_it_is_settled() -> None:
    assert show_phase(snapshot(total=3, processed=2, in_flight=1)).current == 2
    assert show_phase(snapshot(total=3, processed=3)).current == 3


def test_a_percentage_is_rounded_down() -> None:
    assert percentage(finished=2, total=3, is_complete=False) == 66.66
    assert percentage(finished=99_999, total=100_000, is_complete=False) == 99.99


def test_while_photos_are_being_discovered_the_count_moves_and_the_percentage_is_0() -> None:
    shown = show_phase(snapshot(TRAINING, total=40, processed=30, is_discovering=True))
    assert (shown.current, shown.percentage, shown.is_discovering) == (30, 0.0, True)


def test_counts_that_exceed_their_total_break_the_law() -> None:
    with pytest.raises(InvariantBroken):
        check_counts(PhaseCounts(total=1, processed=1, failed=1))
    with pytest.raises(InvariantBroken):
        check_counts(PhaseCounts(total=1, processed=-1))


# Overall


def test_the_phases_weigh_30_65_and_5() -> None:
    assert list(DEFAULT_WEIGHTS.values()) == [0.30, 0.65, 0.05]
    waiting = snapshot(CLUSTERING, PENDING)
    half = snapshot(total=10, processed=5)
    assert session(completed(TRAINING), half, waiting).percentage == 62.5
    assert session(completed(TRAINING), completed(DETECTION), waiting).percentage == 95.0


def test_every_photo_done_is_not_100_before_the_session_has_completed() -> None:
    nearly = snapshot(CLUSTERING, RUNNING, total=1, processed=1)
    assert session(completed(TRAINING), completed(DETECTION), nearly).percentage == 99.99


def test_a_completed_session_has_no_current_phase_and_nothing_left() -> None:
    shown = session(*(completed(name) for name in PhaseName))
    assert (shown.current_phase, shown.eta) == (None, Eta(0, 0, 0))
    assert shown.time_percentage == 100.0


# Time left


def test_the_time_left_is_the_forecast_in_whole_seconds() -> None:
    """[16] It was `total * 4` seconds."""
    forecast = {Scope.SESSION: TimeRange(9.7, 14.4, 20.2), Scope.TRAINING: TimeRange(1, 2, 3)}
    moment = Moment(10.0, ranges=forecast, time_percentage=40.0)
    shown = unify(1, running_session(), version=1, moment=moment)
    assert (shown.eta, shown.time_percentage) == (Eta(14, 10, 20), 40.0)
    assert shown.phase(TRAINING).eta == Eta(2, 1, 3)
    assert shown.phase(DETECTION).eta is None


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (TimeRange(4.2, 4.3, 4.4), Eta(4, 4, 5)),
        (TimeRange(4.7, 4.8, 4.9), Eta(5, 4, 5)),
        (TimeRange(0.0, 0.0, 0.2), Eta(0, 0, 1)),
        (TimeRange(2.4, 3.0, 3.6), Eta(3, 2, 4)),
    ],
)
def test_a_narrow_band_is_a_second_wide_and_holds_its_middle(left: TimeRange, said: Eta) -> None:
    assert Eta.from_range(left) == said


def test_without_a_forecast_no_time_is_shown() -> None:
    shown = session(*running_session())
    assert shown.eta is None
    assert [phase.eta for phase in shown.phases] == [None, None, None]


@pytest.mark.parametrize("status", [PhaseStatus.PAUSED, PhaseStatus.FAILED, PhaseStatus.CANCELLED])
def test_a_session_that_stands_still_promises_nothing(status: PhaseStatus) -> None:
    forecast = dict.fromkeys(Scope, TimeRange(1, 2, 3))
    phases = (snapshot(TRAINING, status, total=9), *running_session()[1:])
    shown = unify(1, phases, version=1, moment=Moment(10.0, ranges=forecast, time_percentage=40.0))
    assert (shown.eta, shown.phase(TRAINING).eta, shown.time_percentage) == (None, None, 40.0)


def running_session() -> tuple[PhaseSnapshot, ...]:
    return (
        snapshot(TRAINING, total=9),
        snapshot(DETECTION, PENDING),
        snapshot(CLUSTERING, PENDING),
    )


# For every possible snapshot


@st.composite
def lawful_snapshots(draw: st.DrawFn, name: PhaseName) -> PhaseSnapshot:
    """Snapshots as the store and the live view may give them."""
    status = draw(st.sampled_from(list(PhaseStatus)))
    total = draw(st.integers(0, 2_000))
    done = total if status is COMPLETED else draw(st.integers(0, total))
    skipped = draw(st.integers(0, done))
    failed = draw(st.integers(0, done - skipped))
    return PhaseSnapshot(
        name=name,
        status=status,
        counts=PhaseCounts(total, done - skipped - failed, skipped, failed),
        in_flight=draw(st.integers(0, 100)),
        high_water_mark=draw(st.integers(0, 3_000)),
        is_discovering=status is RUNNING and draw(st.booleans()),
        rate_per_s=draw(st.none() | st.floats(0, 1e4, allow_subnormal=False)),
    )


lawful_sessions = st.tuples(*(lawful_snapshots(name) for name in PhaseName))


@given(lawful_sessions)
def test_a_percentage_lies_between_0_and_100(phases: tuple[PhaseSnapshot, ...]) -> None:
    shown = session(*phases)
    for share in (shown.percentage, *(phase.percentage for phase in shown.phases)):
        assert 0.0 <= share <= 100.0


@given(lawful_sessions)
def test_a_session_shows_100_if_and_only_if_it_has_completed(
    phases: tuple[PhaseSnapshot, ...],
) -> None:
    shown = session(*phases)
    assert (shown.percentage == 100.0) == (shown.status is SessionStatus.COMPLETED)


@given(lawful_snapshots(DETECTION))
def test_a_phase_shows_100_if_and_only_if_every_photo_is_finished(phase: PhaseSnapshot) -> None:
    assume(phase.counts.total > 0 and not phase.is_discovering)
    is_finished = phase.counts.finished == phase.counts.total
    assert (show_phase(phase).percentage == 100.0) == is_finished


@given(lawful_snapshots(DETECTION))
def test_the_count_lies_between_what_is_settled_and_the_total(phase: PhaseSnapshot) -> None:
    shown = show_phase(phase)
    assert phase.counts.finished <= shown.current <= shown.total
    assert shown.processed + shown.skipped + shown.failed == shown.current
    assert min(shown.processed, shown.skipped, shown.failed) >= 0


@st.composite
def reports(draw: st.DrawFn) -> list[PhaseSnapshot]:
    """One attempt as the live view sees it: settled counts grow, photos in flight come and go."""
    total = draw(st.integers(1, 200))
    steps = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=30))
    done, seen = 0, []
    for gained, in_flight in steps:
        done = min(total, done + gained)
        seen.append(snapshot(total=total, processed=done, in_flight=in_flight))
    return seen


@given(reports())
def test_what_is_shown_never_falls_whatever_happens_to_batches_in_flight(
    seen: list[PhaseSnapshot],
) -> None:
    shown: list[float] = []
    last: PhaseSnapshot | None = None
    for report in seen:
        last = never_fall(last, report)
        shown.append(show_phase(last).percentage)
    assert shown == sorted(shown)


@given(reports())
def test_a_session_never_falls_through_all_its_phases(seen: list[PhaseSnapshot]) -> None:
    waiting = snapshot(CLUSTERING, PENDING)
    training_done = replace(waiting, name=TRAINING, status=COMPLETED)
    shown = [session(training_done, snapshot(status=PENDING), waiting).percentage]
    last: PhaseSnapshot | None = None
    for report in seen:
        last = never_fall(last, report)
        shown.append(session(training_done, last, waiting).percentage)
    shown.append(session(training_done, completed(DETECTION), waiting).percentage)
    shown.append(session(training_done, completed(DETECTION), completed(CLUSTERING)).percentage)
    assert shown == sorted(shown)
    assert shown[-1] == 100.0

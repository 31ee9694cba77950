"""Ranges of time, and whether promises of time were kept."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.time_left.promises import (
    MOST_SAMPLES,
    Sample,
    is_covered,
    is_held,
    judge,
    judge_all,
    sampling_stride,
)
from cluster.core.time_left.timing import NO_TIME, Scope, TimeRange, add_up, spread
from cluster.core.time_left.workload import (
    PhaseWork,
    TimedPhoto,
    finding_work,
    grouping_seconds,
    reading_work,
    summarise_probe,
)


def sample(worked_s: float, left: TimeRange | None, scope: Scope = Scope.SESSION) -> Sample:
    return Sample(scope, int(worked_s), worked_s, int(worked_s), 100, left)


def around(middle_s: float) -> TimeRange:
    return TimeRange(0.8 * middle_s, middle_s, 1.2 * middle_s)


@pytest.mark.parametrize(
    ("promised", "real", "held"),
    [(10, 10, True), (11.9, 10, True), (12.1, 10, False), (114, 100, True), (116, 100, False)],
)
def test_a_promise_holds_within_15_percent_or_2_seconds(
    promised: float, real: float, held: bool
) -> None:
    assert is_held(promised, real) is held


def test_promises_are_judged_by_the_time_that_passed_to_the_end() -> None:
    made = [sample(0, around(90)), sample(20, around(100)), sample(50, None), sample(90, around(3))]
    judged = judge([*made, sample(100, NO_TIME)], Scope.SESSION)
    assert judged is not None
    # The bands of 90 (true: 100) and of 100 (true: 80) hold; 3 (true: 10) is far off.
    assert (judged.samples, judged.promises, judged.held, judged.covered) == (4, 3, 1, 2)
    assert judged.lasted_s == 100
    assert judged.median_error == pytest.approx(0.25)


def test_each_scope_is_judged_by_itself_and_an_unknown_one_is_left_out() -> None:
    made = [sample(0, around(9)), sample(10, NO_TIME)]
    phase = [sample(2, around(3), Scope.TRAINING), sample(5, NO_TIME, Scope.TRAINING)]
    judged = judge_all([*phase, *made])
    assert [one.scope for one in judged] == [Scope.SESSION, Scope.TRAINING]
    assert [(one.promises, one.held) for one in judged] == [(1, 1), (1, 1)]


@given(worked_s=st.floats(0, 1e7))
def test_a_session_keeps_a_bounded_number_of_samples(worked_s: float) -> None:
    stride = sampling_stride(worked_s)
    assert worked_s / stride <= MOST_SAMPLES
    assert stride == 1 or worked_s / stride > MOST_SAMPLES / 2 - 1


ranges = st.builds(spread, st.floats(0, 1e6), st.floats(0.01, 2.0))


@given(st.lists(ranges, min_size=1, max_size=5))
def test_a_sum_is_longer_than_its_parts_and_surer_than_their_worst_cases(
    parts: list[TimeRange],
) -> None:
    whole = add_up(parts)
    assert 0 <= whole.low_s <= whole.middle_s <= whole.high_s < math.inf
    assert whole.middle_s >= 0.6 * max(part.middle_s for part in parts) - 1e-5
    assert whole.high_s <= sum(part.high_s for part in parts) * 1.6 + 5


@given(middle_s=st.floats(0, 1e6), sigma=st.floats(0.01, 2.0))
def test_a_band_lies_around_its_middle(middle_s: float, sigma: float) -> None:
    left = spread(middle_s, sigma)
    assert is_covered(left, middle_s)
    assert left.high_s - middle_s >= middle_s - left.low_s - 1e-6


@given(
    segments=st.lists(st.tuples(st.integers(1, 50), st.floats(0.1, 1e3)), min_size=1, max_size=20),
    extra=st.integers(0, 100),
)
def test_the_work_left_is_that_of_the_last_items(
    segments: list[tuple[int, float]], extra: int
) -> None:
    work = PhaseWork(tuple(n for n, _ in segments), tuple(units for _, units in segments))
    total = sum(units for _, units in segments)
    count = work.total_items
    assert work.for_last(0) == 0
    assert work.for_last(count) == pytest.approx(total)
    assert work.for_last(segments[-1][0]) == pytest.approx(segments[-1][1])
    assert work.for_last(count + extra) == pytest.approx(total * (1 + extra / count))
    steps = [work.for_last(n) for n in range(count + 1)]
    assert steps == sorted(steps)


def test_work_grows_with_bytes_and_pixels_and_not_without() -> None:
    assert reading_work(items=10, sized_items=0, total_bytes=0) == 10
    assert reading_work(items=10, sized_items=5, total_bytes=5 * 400_000) == 10 * (1 + 0.9 * 10)
    assert finding_work(items=4, sized_items=4, total_pixels=4e7) == 8
    assert grouping_seconds(100_000) > 10 * grouping_seconds(10_000)


def test_a_probe_beside_readers_tells_the_speed_of_detectors_alone() -> None:
    """Two readers and the probe share two CPUs, so that each has two thirds of one."""
    timed = [TimedPhoto(cpu_s=0.08, passed_s=0.12, faces=faces) for faces in (0, 1, 2)]
    probe = summarise_probe(timed, cpus=2, is_on_gpu=False)
    assert (probe.photos, probe.seconds, probe.faces) == (3, pytest.approx(0.08), 1.0)
    assert probe.doubt == pytest.approx(0.0)


def test_a_probe_on_a_machine_that_others_use_takes_their_share_into_account() -> None:
    """With four other programs, seven share two CPUs now, and six will in face detection."""
    timed = [TimedPhoto(cpu_s=0.08, passed_s=0.28, faces=0)] * 4
    probe = summarise_probe(timed, cpus=2, is_on_gpu=False)
    assert probe.seconds == pytest.approx(0.08 * 6 / 2)
    assert probe.doubt > 0.3


def test_a_probe_on_a_gpu_is_the_time_that_passed() -> None:
    timed = [TimedPhoto(cpu_s=0.001, passed_s=0.01, faces=0)] * 4
    assert summarise_probe(timed, cpus=16, is_on_gpu=True).seconds == pytest.approx(0.01)

"""The speed of a phase over time, from samples of how far it was."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.time_left.speed_series import MOST_POINTS, SpeedPoint, SpeedSample, measure_speed

SAMPLES = st.lists(st.builds(SpeedSample, st.floats(0, 1e6), st.integers(0, 10**9)), max_size=300)


def sample_all(*pairs: tuple[float, int]) -> list[SpeedSample]:
    return [SpeedSample(*pair) for pair in pairs]


def test_a_point_is_what_was_finished_over_the_time_it_took() -> None:
    assert measure_speed(sample_all((0, 0), (10, 50), (20, 150))) == (
        SpeedPoint(0, 10, 5.0),
        SpeedPoint(10, 20, 10.0),
    )


@pytest.mark.parametrize("samples", [[], [(5.0, 7)], [(1.0, 7), (2.0, 7)], [(1.0, 0), (1.0, 9)]])
def test_without_two_counts_there_is_no_speed(samples: list[tuple[float, int]]) -> None:
    assert measure_speed(sample_all(*samples)) == ()


def test_the_time_before_a_phase_began_and_after_it_ended_is_left_out() -> None:
    samples = sample_all((0, 3), (10, 3), (20, 8), (30, 8), (40, 13), (50, 13), (60, 13))
    points = measure_speed(samples)
    assert [(point.from_s, point.until_s, point.per_s) for point in points] == [
        (10, 20, 0.5),
        (20, 30, 0.0),
        (30, 40, 0.5),
    ]


def test_only_the_last_attempt_is_measured() -> None:
    assert measure_speed(sample_all((0, 0), (10, 90), (11, 0), (21, 20))) == (
        SpeedPoint(11, 21, 2.0),
    )


def test_many_samples_become_few_points_that_cover_the_same_time() -> None:
    samples = [SpeedSample(n / 10, n) for n in range(10_001)]
    points = measure_speed(samples)
    assert len(points) <= MOST_POINTS
    assert (points[0].from_s, points[-1].until_s) == (0.0, 1000.0)
    assert all(point.per_s == pytest.approx(10) for point in points)


@given(SAMPLES)
def test_whatever_the_samples_are_the_points_follow_each_other_and_are_numbers(
    samples: list[SpeedSample],
) -> None:
    points = measure_speed(samples)
    assert len(points) <= MOST_POINTS + 1
    assert all(math.isfinite(point.per_s) and point.per_s >= 0 for point in points)
    assert all(point.until_s > point.from_s for point in points)
    assert all(a.until_s == b.from_s for a, b in itertools.pairwise(points))

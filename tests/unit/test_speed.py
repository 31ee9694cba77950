"""The speed of a phase is learned from samples: found, followed, and never nonsense."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.time_left.speed import KnownSpeed, SpeedFilter, combine_speeds, time_for

SPEEDS = st.floats(1e-3, 1e5)


def feed(
    speed: SpeedFilter, *, per_s: float, seconds: float, start_s: float = 0.0, step_s: float = 1.0
) -> float:
    """Do work at an even speed; return the time at the end."""
    now, owed = start_s, 0.0
    speed.pause(now=now)
    while now < start_s + seconds:
        now += step_s
        owed += per_s * step_s
        done = math.floor(owed)
        owed -= done
        speed.learn(now=now, work=done, items=done)
    return now


@given(true=SPEEDS, guessed=SPEEDS)
def test_an_even_speed_is_found_whatever_was_guessed(true: float, guessed: float) -> None:
    speed = SpeedFilter.starting_with(KnownSpeed(math.log(guessed), 0.9))
    feed(speed, per_s=true, seconds=max(120.0, 60 / true), step_s=max(1.0, 1 / true))
    assert math.exp(speed.log_speed) == pytest.approx(true, rel=0.1)


@pytest.mark.parametrize("factor", [0.25, 0.5, 2.0, 4.0])
def test_a_change_of_speed_is_followed_within_30_seconds(factor: float) -> None:
    speed = SpeedFilter.starting_with(KnownSpeed(math.log(30.0), 0.3))
    now = feed(speed, per_s=30.0, seconds=120)
    steady = time_for(speed, work=3000, items=3000)[1]
    now = feed(speed, per_s=30.0 * factor, seconds=6, start_s=now)
    widened = time_for(speed, work=3000, items=3000)[1]
    now = feed(speed, per_s=30.0 * factor, seconds=24, start_s=now)
    assert widened > steady
    assert math.exp(speed.log_speed) == pytest.approx(30.0 * factor, rel=0.15)
    feed(speed, per_s=30.0 * factor, seconds=30, start_s=now)
    assert time_for(speed, work=3000, items=3000)[1] < widened


def test_one_item_that_takes_long_does_not_change_the_speed_much() -> None:
    speed = SpeedFilter.starting_with(KnownSpeed(math.log(4.0), 0.3))
    now = feed(speed, per_s=4.0, seconds=120)
    speed.learn(now=now + 8.0, work=1.0, items=1.0)
    feed(speed, per_s=4.0, seconds=8, start_s=now + 8.0)
    assert math.exp(speed.log_speed) == pytest.approx(4.0, rel=0.35)


@given(scale=st.floats(1e-3, 1e3))
def test_work_in_another_unit_gives_the_same_time(scale: float) -> None:
    times = []
    for unit in (1.0, scale):
        speed = SpeedFilter.starting_with(KnownSpeed(math.log(20.0 * unit), 0.4))
        speed.pause(now=0.0)
        for second in range(1, 40):
            speed.learn(now=second, work=(15 + second % 5) * unit, items=15 + second % 5)
        times.append(time_for(speed, work=500 * unit, items=500, now=39.0))
    assert times[0] == pytest.approx(times[1])


@given(
    samples=st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 1e6), st.integers(0, 10_000)), max_size=60
    ),
    work=st.floats(0, 1e9),
    items=st.integers(0, 1_000_000),
)
def test_no_samples_give_nonsense(
    samples: list[tuple[float, float, int]], work: float, items: int
) -> None:
    speed, now = SpeedFilter.starting_with(KnownSpeed(0.0, 0.9)), 0.0
    for step_s, done, count in samples:
        now += step_s
        speed.learn(now=now, work=done, items=count)
    middle_s, sigma = time_for(speed, work=work, items=items, now=now)
    assert math.isfinite(middle_s)
    assert middle_s >= 0
    assert 0 < sigma < 10
    assert 0 < speed.variance <= 0.9**2


def test_the_clock_may_be_set_back() -> None:
    speed = SpeedFilter.starting_with(KnownSpeed(math.log(5.0), 0.3))
    feed(speed, per_s=5.0, seconds=30, start_s=1000.0)
    feed(speed, per_s=5.0, seconds=30, start_s=0.0)
    assert math.exp(speed.log_speed) == pytest.approx(5.0, rel=0.1)


def test_silence_makes_the_time_longer_and_the_band_wider() -> None:
    speed = SpeedFilter.starting_with(KnownSpeed(math.log(30.0), 0.3))
    now = feed(speed, per_s=30.0, seconds=60)
    before = time_for(speed, work=300, items=300, now=now)
    after = time_for(speed, work=300, items=300, now=now + 20)
    assert after[0] > 1.5 * before[0]
    assert after[1] > before[1]


def test_two_estimates_together_lie_between_and_are_surer() -> None:
    both = combine_speeds(KnownSpeed(1.0, 0.2), KnownSpeed(2.0, 0.4))
    assert both.log_speed == pytest.approx(1.2)
    assert both.sigma < 0.2


def test_the_band_of_a_noisy_phase_holds_four_of_five() -> None:
    """Synthetic phases with items of uneven cost and a drifting speed, as on a machine in use."""
    random = np.random.default_rng(7)
    covered = []
    for _ in range(150):
        costs = random.lognormal(0.0, 0.5, 900)
        drift = np.exp(np.cumsum(random.normal(0.0, 0.01, 900)))
        ends = np.cumsum(costs * drift / 25.0)
        speed = SpeedFilter.starting_with(KnownSpeed(math.log(25.0), 0.5))
        speed.pause(now=0.0)
        done, now = 0, 0.0
        while now < ends[-1] - 2:
            now += 1.0
            reached = int(np.searchsorted(ends, now))
            speed.learn(now=now, work=reached - done, items=reached - done)
            done = reached
            if now > 4:
                middle_s, sigma = time_for(speed, work=900 - done, items=900 - done, now=now)
                factor = math.exp(1.2816 * sigma)
                real_s = ends[-1] - now
                covered.append(middle_s / factor - 0.8 <= real_s <= middle_s * factor + 0.8)
    assert 0.7 <= np.mean(covered) <= 0.95

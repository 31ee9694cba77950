"""Spells in which other programs use the machine are expected to end."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.time_left.slow_spells import SLOW
from cluster.core.time_left.speed import KnownSpeed, SpeedFilter, time_for
from cluster.core.time_left.timing import spread

USUAL, LEFT = 50.0, 3000.0
"""Units per second, and the units that are left when a spell begins."""


def work_at(speed: SpeedFilter, per_s: float, *, since_s: float, until_s: float) -> None:
    """Do work at an even speed, reported once a second."""
    for second in range(math.floor(since_s), math.floor(until_s)):
        done = math.floor(per_s * (second + 1)) - math.floor(per_s * second)
        speed.learn(now=second + 1.0, work=done, items=done)


def begin_spell(per_s: float, *, for_s: float) -> SpeedFilter:
    """Return a filter after 30 seconds at the usual speed and a spell."""
    speed = SpeedFilter.starting_with(KnownSpeed(math.log(USUAL), 0.3))
    work_at(speed, USUAL, since_s=0, until_s=30)
    work_at(speed, per_s, since_s=30, until_s=30 + for_s)
    return speed


@pytest.mark.parametrize("per_s", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("lasted_s", [10.0, 25.0, 120.0])
def test_a_spell_is_expected_to_last_as_long_again_and_its_end_lies_in_the_band(
    per_s: float, lasted_s: float
) -> None:
    speed = begin_spell(per_s, for_s=lasted_s)
    middle_s, sigma = time_for(speed, work=LEFT, items=LEFT, now=30 + lasted_s)
    assert middle_s == pytest.approx(lasted_s + LEFT / USUAL, rel=0.35)
    band = spread(middle_s, sigma)
    for share in (0.2, 1.0, 3.0):
        assert band.low_s <= share * lasted_s + LEFT / USUAL * 1.05
        assert band.high_s >= share * lasted_s + LEFT / USUAL


def test_after_a_spell_the_usual_speed_is_back_at_once() -> None:
    speed = begin_spell(1.0, for_s=25)
    work_at(speed, USUAL, since_s=55, until_s=59)
    middle_s, _ = time_for(speed, work=LEFT, items=LEFT, now=59.0)
    assert middle_s == pytest.approx(LEFT / USUAL, rel=0.2)


@pytest.mark.parametrize("slower", [1.5, 2.0, 2.5])
def test_a_disk_or_a_lost_node_is_no_spell(slower: float) -> None:
    assert slower < SLOW
    speed = begin_spell(USUAL / slower, for_s=30)
    middle_s, _ = time_for(speed, work=LEFT, items=LEFT, now=60.0)
    assert middle_s == pytest.approx(slower * LEFT / USUAL, rel=0.25)


def test_a_spell_that_lasts_for_good_is_no_longer_expected_to_end_soon() -> None:
    speed = begin_spell(1.0, for_s=3600)
    middle_s, _ = time_for(speed, work=LEFT, items=LEFT, now=3630.0)
    assert middle_s == pytest.approx(LEFT, rel=0.1)


@given(
    per_s=st.floats(0, 5),
    lasted_s=st.floats(1, 500),
    work=st.floats(1, 1e7),
    later=st.floats(0, 99),
)
def test_no_spell_gives_more_than_its_own_speed_or_less_than_the_usual_one(
    per_s: float, lasted_s: float, work: float, later: float
) -> None:
    speed = begin_spell(per_s, for_s=lasted_s)
    middle_s, sigma = time_for(speed, work=work, items=work, now=30 + lasted_s + later)
    assert math.isfinite(middle_s)
    assert 0 < sigma < 10
    if speed.spells.slow_s:
        assert middle_s >= work / math.exp(speed.spells.log_usual) * 0.99

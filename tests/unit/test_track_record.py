"""Bands get narrower or wider with the past errors of the forecast, within half a minute."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.time_left.timing import BAND_Z, spread
from cluster.core.time_left.track_record import LEAST_FACTOR, MOST_FACTOR, TrackRecord

END_S = 300.0


def follow(record: TrackRecord, *, start_s: int, end_s: int, off_s: float, sigma: float) -> float:
    """Pass the time with forecasts that alternate between `off_s` too late and too early."""
    factor = 1.0
    for now in range(start_s, end_s):
        shift_s = off_s if now % 8 < 4 else -off_s
        left_s = max(0.0, END_S - now + shift_s)
        factor = record.take(spread(left_s, sigma), now=float(now))
    return factor


def test_an_end_that_is_never_revised_has_a_narrower_band() -> None:
    assert follow(TrackRecord(), start_s=0, end_s=200, off_s=0.0, sigma=0.2) < 0.75


def test_an_end_that_is_revised_more_than_its_band_says_has_a_wider_one_and_comes_back() -> None:
    record = TrackRecord()
    calm = follow(record, start_s=0, end_s=120, off_s=0.0, sigma=0.05)
    busy = follow(record, start_s=120, end_s=150, off_s=40.0, sigma=0.05)
    after = follow(record, start_s=150, end_s=270, off_s=0.0, sigma=0.05)
    assert busy > 1.5 > 1 > calm
    assert after < busy


@given(st.lists(st.tuples(st.floats(-5, 60), st.floats(0, 1e6), st.floats(0.01, 2.0)), max_size=60))
def test_no_forecasts_give_nonsense(samples: list[tuple[float, float, float]]) -> None:
    record, now = TrackRecord(), 0.0
    for step_s, left_s, sigma in samples:
        now += step_s
        factor = record.take(spread(left_s, sigma), now=now)
        assert LEAST_FACTOR <= factor <= MOST_FACTOR


@given(scale=st.floats(1.0, 1e3))
def test_before_the_first_revision_the_band_is_as_it_is(scale: float) -> None:
    assert TrackRecord().take(spread(scale, 0.3), now=scale) == 1.0


def test_bands_that_are_wrong_by_half_cover_nearer_to_four_of_five() -> None:
    """Synthetic sessions whose ends become known gradually, with bands of another spread."""
    for claimed in (0.5, 2.0):
        plain, corrected = measure_coverage(claimed=claimed)
        assert abs(corrected - 0.8) < abs(plain - 0.8)


def measure_coverage(*, claimed: float, sessions: int = 120) -> tuple[float, float]:
    random = np.random.default_rng(11)
    plain, corrected = [], []
    for _ in range(sessions):
        # The time left is known to 15 %: each second revises the end by a random amount.
        steps = random.normal(0.0, 1.0, int(END_S))
        left_s = END_S - np.arange(END_S)
        revisions_s = steps * np.sqrt(np.maximum(0.0, -np.diff((0.15 * left_s) ** 2, append=0.0)))
        ends_s = END_S + np.cumsum(revisions_s)
        record = TrackRecord()
        for now in range(0, int(END_S) - 10, 5):
            estimate_s = max(1.0, float(ends_s[now]) - now)
            sigma = claimed * 0.15 * float(left_s[now]) / estimate_s
            factor = record.take(spread(estimate_s, sigma), now=float(now))
            error_s = abs(float(ends_s[-1] - ends_s[now]))
            width_s = BAND_Z * sigma * estimate_s
            plain.append(error_s <= width_s)
            corrected.append(error_s <= factor * width_s)
    assert not math.isnan(float(np.mean(corrected)))
    return float(np.mean(plain)), float(np.mean(corrected))

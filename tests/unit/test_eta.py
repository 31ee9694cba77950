"""Rates and times left. The clock is an argument, so that no test waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.core.time_left.eta import RateWindow


def window(*samples: tuple[float, int]) -> RateWindow:
    rates = RateWindow()
    for now, count in samples:
        rates.add_sample(now=now, count=count)
    return rates


def test_one_sample_tells_no_rate() -> None:
    assert window((0.0, 5)).rate_per_s(now=10.0) is None


def test_less_than_a_second_tells_no_rate() -> None:
    assert window((0.0, 0), (0.5, 100)).rate_per_s(now=0.5) is None


def test_the_rate_is_what_was_gained_over_the_time_it_took() -> None:
    assert window((0.0, 0), (10.0, 50)).rate_per_s(now=10.0) == 5.0


def test_the_rate_falls_while_nothing_happens() -> None:
    rates = window((0.0, 0), (10.0, 50))
    assert rates.rate_per_s(now=20.0) == 2.5


def test_the_rate_is_that_of_the_last_thirty_seconds() -> None:
    slow_then_fast = window(
        *((float(t), t) for t in range(101)), *((100.0 + t, 100 + 9 * t) for t in range(1, 41))
    )
    assert slow_then_fast.rate_per_s(now=140.0) == 9.0


def test_a_count_that_fell_starts_the_window_anew() -> None:
    assert window((0.0, 0), (10.0, 90), (11.0, 0)).rate_per_s(now=12.0) is None


def test_a_clock_that_jumped_back_starts_the_window_anew() -> None:
    assert window((100.0, 0), (110.0, 90), (50.0, 91)).rate_per_s(now=52.0) is None


def test_a_standstill_is_an_unknown_rate_not_an_endless_time() -> None:
    assert window((0.0, 7), (20.0, 7)).rate_per_s(now=20.0) is None


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**6)), max_size=50),
    st.floats(0, 1e6),
)
def test_a_rate_is_positive_or_unknown_whatever_the_samples(
    samples: list[tuple[float, int]], now: float
) -> None:
    rate = window(*samples).rate_per_s(now=now)
    assert rate is None or rate > 0


@given(st.lists(st.floats(0, 1e4), min_size=3, max_size=200))
def test_the_window_keeps_what_a_window_needs_and_no_more(times: list[float]) -> None:
    rates = window(*((time, 0) for time in sorted(times)))
    newest = rates.samples[-1][0]
    assert all(time > newest - rates.window_s for time, _ in list(rates.samples)[2:])

"""Which sessions have lost their driver."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from cluster.core.drivers import LOST_AFTER_S, NEVER_CAME_AFTER_S, DriverWatch, Unattended
from cluster.core.sessions import SessionStatus

RUNNING = Unattended(7, SessionStatus.RUNNING, "headcount-session-7")
PENDING = Unattended(8, SessionStatus.PENDING, "headcount-session-8")
NEW = Unattended(9, SessionStatus.PENDING, None)


@pytest.mark.parametrize(
    ("one", "wait_s"),
    [(RUNNING, LOST_AFTER_S), (PENDING, LOST_AFTER_S), (NEW, NEVER_CAME_AFTER_S)],
)
def test_a_session_that_nobody_runs_for_too_long_is_lost(one: Unattended, wait_s: float) -> None:
    watch = DriverWatch()
    assert watch.find_lost([one], now=100.0) == []
    assert watch.find_lost([one], now=100.0 + wait_s - 0.1) == []
    assert watch.find_lost([one], now=100.0 + wait_s) == [one.session_id]


def test_a_lost_driver_is_noticed_within_thirty_seconds() -> None:
    looks = itertools.count(3.0, 3.0)
    watch = DriverWatch()
    noticed = next(now for now in looks if watch.find_lost([RUNNING], now=now))
    assert noticed < 30


def test_a_driver_that_comes_back_in_time_is_not_lost() -> None:
    watch = DriverWatch()
    watch.find_lost([RUNNING], now=0.0)
    watch.find_lost([], now=10.0)
    assert watch.find_lost([RUNNING], now=20.0) == []


def test_a_session_whose_job_waits_for_its_turn_is_not_lost() -> None:
    watch = DriverWatch()
    queued = replace(PENDING, is_job_alive=True)
    assert not any(watch.find_lost([queued], now=float(now)) for now in range(0, 10_000, 100))
    assert watch.find_lost([PENDING], now=10_000.0) == []


def test_each_session_has_a_clock_of_its_own() -> None:
    watch = DriverWatch()
    watch.find_lost([RUNNING], now=0.0)
    watch.find_lost([RUNNING, PENDING], now=10.0)
    assert watch.find_lost([RUNNING, PENDING], now=16.0) == [RUNNING.session_id]

"""The terminal shows the time of the session, not that of a phase."""

from __future__ import annotations

import pytest

from cluster.core.progress import Eta, PhaseCounts, PhaseSnapshot, UnifiedProgress, unify
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.timing import Moment, Scope, TimeRange
from jobs.running.terminal import say_time_left, write_line


def running(ranges: dict[Scope, TimeRange]) -> UnifiedProgress:
    training = PhaseSnapshot(PhaseName.TRAINING, PhaseStatus.RUNNING, PhaseCounts(2746, 1770))
    rest = [PhaseSnapshot(name) for name in list(PhaseName)[1:]]
    return unify(1, (training, *rest), version=1, moment=Moment(10.0, ranges=ranges))


def test_a_line_says_the_time_of_the_session_and_not_that_of_the_phase() -> None:
    """It said "about 6 seconds left" for reading, when the session needed another minute."""
    ranges = {Scope.TRAINING: TimeRange(5, 6, 8), Scope.SESSION: TimeRange(50, 66, 80)}
    line = write_line(running(ranges))
    assert line.endswith("50 s to 80 s left in all")
    assert "6 s left" not in line


def test_a_line_without_a_forecast_says_no_time() -> None:
    assert "left" not in write_line(running({}))


@pytest.mark.parametrize(
    ("eta", "said"),
    [
        (None, ""),
        (Eta(40, 38, 43), "about 40 s left"),
        (Eta(40, 25, 60), "25 s to 60 s left"),
        (Eta(4, 0, 12), "at most 12 s left"),
        (Eta(100, 60, 160), "60 s to 3 min left"),
        (Eta(600, 580, 620), "about 10 min left"),
        (Eta(9_000, 7_000, 12_000), "1 h 57 min to 3 h 20 min left"),
    ],
)
def test_a_band_is_said_as_roughly_as_it_is_known(eta: Eta | None, said: str) -> None:
    assert say_time_left(eta) == said

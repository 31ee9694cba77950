"""Whoever is killed: the session ends with what an undisturbed one ends with."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.drills import IN_ONE_RUN, Outcome, drill


@pytest.fixture(scope="module")
def undisturbed(demo_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("undisturbed")
    return drill(demo_library, folder, [], draw=random.Random(1))


def test_workers_live_view_replica_and_database_are_killed_several_times_in_one_run(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    draw = random.Random(2)
    victims = draw.sample([*IN_ONE_RUN, *IN_ONE_RUN, "detector"], k=2 * len(IN_ONE_RUN) + 1)
    outcome = drill(demo_library, tmp_path, victims, draw=draw, pause_s=(0.1, 1.0))
    assert outcome.differences(undisturbed) == []
    assert {"live view", "replica", "database"} <= set(outcome.killed)


def test_a_driver_is_killed_several_times_and_started_again(
    demo_library: Path, tmp_path: Path, undisturbed: Outcome
) -> None:
    outcome = drill(demo_library, tmp_path, ["driver", "driver"], draw=random.Random(3))
    assert outcome.differences(undisturbed) == []
    assert "driver" in outcome.killed

"""While a long film is searched, the count does not move, but the place in the film is shown."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from cluster.actors.film_search import FilmSearch
from cluster.core.live import LivePhase
from cluster.core.pictures.film_places import FilmPlace, find_place, say_time
from cluster.core.pictures.films import FilmLimits
from cluster.core.pictures.photos import Item, Settled
from cluster.core.progress import PhaseCounts, PhaseSnapshot, unify
from cluster.core.reports import FilmReport, SettledReport
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.steps import StepTimes
from cluster.vision.packs.detector import DetectorOptions
from jobs.running.terminal import write_line
from tests.films import make_film
from tests.views import view_without_database

SESSION, DETECTION = 7, PhaseName.FACE_DETECTION
RUNNING = PhaseSnapshot(DETECTION, PhaseStatus.RUNNING, PhaseCounts(9, 3), revision=1)


def place(time_s: float, name: str = "party.mp4") -> FilmPlace:
    return FilmPlace(name, time_s, 600.0)


def report(
    batch_id: int, time_s: float, *, name: str = "party.mp4", attempt: int = 1
) -> FilmReport:
    return FilmReport(SESSION, DETECTION, attempt, batch_id, place(time_s, name))


def settled(batch_id: int) -> SettledReport:
    return SettledReport(SESSION, DETECTION, 1, batch_id, Settled(2, PhaseCounts(9, 4)))


def shown(phase: LivePhase) -> FilmPlace | None:
    return phase.snapshot(now=0.0).film


def test_a_place_is_said_with_the_name_of_the_file_and_both_times() -> None:
    found = find_place("/films/2020/party.mp4", time_s=200.9, duration_s=600.0)
    assert str(found) == "party.mp4, 3:20 of 10:00"
    assert find_place("s3://b/a/x.mov", time_s=9.0, duration_s=3.0) == FilmPlace("x.mov", 9.0, 9.0)
    assert len(find_place(f"/{'a' * 300}.mp4", time_s=0.0, duration_s=1.0).name) == 80
    assert [say_time(one) for one in (0, 59.9, 3600, 36_061)] == [
        *("0:00", "0:59", "1:00:00", "10:01:01")
    ]


def test_the_place_is_shown_until_the_film_is_settled() -> None:
    phase = LivePhase(RUNNING, RUNNING)
    assert phase.apply_film(report(1, 10))
    assert phase.apply_film(report(1, 20))
    assert not phase.apply_film(report(1, 20)), "nothing has changed"
    assert shown(phase) == place(20)
    phase.apply_settled(settled(1))
    assert shown(phase) is None
    assert not phase.apply_film(report(1, 30)), "a late report"
    assert shown(phase) is None


def test_of_two_films_the_one_that_began_first_is_shown() -> None:
    phase = LivePhase(RUNNING, RUNNING)
    for one in (report(2, 5, name="b.mp4"), report(1, 9, name="a.mp4"), report(2, 7, name="b.mp4")):
        phase.apply_film(one)
    assert shown(phase) == place(9, "a.mp4")
    phase.apply_settled(settled(1))
    assert shown(phase) == place(7, "b.mp4")


def test_a_lost_worker_a_stop_and_a_new_attempt_end_what_is_shown() -> None:
    for end in (
        lambda phase: phase.apply_returned(1),
        lambda phase: phase.drop_in_flight(),
        lambda phase: phase.apply_row(replace(RUNNING, attempt=2)),
    ):
        phase = LivePhase(RUNNING, RUNNING)
        phase.apply_film(report(1, 10))
        end(phase)
        assert shown(phase) is None


def test_the_place_reaches_those_who_watch_and_no_count_moves() -> None:
    rows = tuple(
        RUNNING if name is DETECTION else PhaseSnapshot(name, PhaseStatus.COMPLETED)
        for name in PhaseName
    )

    async def scenario() -> list[Any]:
        view = view_without_database(
            load=lambda session_id: rows, keep=lambda *_: None, clock=lambda: 0.0
        )
        before = await view.show(SESSION)
        await view.searching(report(1, 200))
        return [before, await view.show(SESSION)]

    before, after = asyncio.run(scenario())
    assert after.version > before.version
    assert after.phase(DETECTION).film == place(200)
    assert after.phase(DETECTION).current == before.phase(DETECTION).current
    assert "3 of 9  in party.mp4, 3:20 of 10:00" in write_line(after)


@pytest.mark.parametrize("status", [one for one in PhaseStatus if one is not PhaseStatus.RUNNING])
def test_a_phase_that_does_not_run_searches_no_film(status: PhaseStatus) -> None:
    phase = replace(RUNNING, status=status, film=place(10))
    rest = [PhaseSnapshot(name) for name in PhaseName if name is not DETECTION]
    assert unify(1, (rest[0], phase, rest[1]), version=1).phase(DETECTION).film is None


class Steps:
    """A clock that advances by `step_s` each time it is read."""

    def __init__(self, step_s: float) -> None:
        self._times = itertools.count(0.0, step_s)

    def __call__(self) -> float:
        return next(self._times)


@dataclass
class Nobody:
    """A detector that finds no face."""

    options: DetectorOptions = field(default_factory=DetectorOptions)
    times: StepTimes = field(default_factory=lambda: StepTimes(time.perf_counter))

    def detect(self, photos: list[Any]) -> list[tuple[()]]:
        return [() for _ in photos]


@pytest.mark.parametrize(("step_s", "is_told"), [(0.4, True), (0.0, False)])
def test_a_search_tells_its_place_about_once_a_second_and_never_a_short_one(
    step_s: float, is_told: bool, tmp_path: Path
) -> None:
    path = make_film(tmp_path / "film.mp4", [100] * 100, gop=10)
    told: list[FilmPlace] = []
    search = FilmSearch(cast(Any, Nobody()), FilmLimits(), clock=Steps(step_s), tell=told.append)
    search.search(Item(1, str(path), duration_s=10.0), is_stopped=lambda: False)
    assert bool(told) == is_told
    assert [one.name for one in told] == ["film.mp4"] * len(told)
    times = [one.time_s for one in told]
    assert times == sorted(set(times))
    assert all(one.duration_s == 10.0 for one in told)

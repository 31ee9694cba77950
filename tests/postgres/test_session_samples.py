"""The working time of a session and its promises are stored, and survive a kill."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from cluster.core.errors import NotFound
from cluster.core.sessions import PhaseName
from cluster.core.time_left.promises import MOST_SAMPLES, Sample, judge
from cluster.core.time_left.timing import Moment, Scope, TimeRange
from cluster.store.database.engine import begin
from cluster.store.items.discovery import add_found
from cluster.store.sessions.session_rows import get_session
from cluster.store.sessions.session_samples import (
    forget_samples,
    keep_moment,
    list_samples,
    read_moment,
)
from cluster.store.sessions.workloads import load_workload
from tests.library import PACK, found, start_session

ATTEMPTS = dict.fromkeys(PhaseName, 1)


@pytest.fixture
def session_id(engine: Engine) -> int:
    with begin(engine) as db:
        return start_session(db)


def keep(engine: Engine, session_id: int, worked_s: float, *, attempt: int = 1) -> Moment:
    moment = Moment(worked_s, {PhaseName.TRAINING: worked_s / 2}, {}, worked_s / 10)
    left = TimeRange(1.0, 2.0, 3.0)
    made = [
        Sample(scope, int(worked_s), worked_s, 5, 10, left)
        for scope in (Scope.SESSION, Scope.TRAINING)
    ]
    keep_moment(
        engine, session_id, moment, attempts=ATTEMPTS | {PhaseName.TRAINING: attempt}, samples=made
    )
    return moment


def test_a_moment_is_read_as_it_was_kept(engine: Engine, session_id: int) -> None:
    kept = keep(engine, session_id, 40.0)
    read = read_moment(engine, session_id)
    assert (read.worked_s, read.time_percentage) == (kept.worked_s, kept.time_percentage)
    assert read.phases_s == {**dict.fromkeys(PhaseName, 0.0), **kept.phases_s}


def test_a_sample_that_is_kept_twice_is_kept_once(engine: Engine, session_id: int) -> None:
    for _ in range(2):
        keep(engine, session_id, 3.0)
    with begin(engine) as db:
        samples = list_samples(db, session_id)
    assert [(one.scope, one.number, one.left) for one in samples] == [
        (Scope.SESSION, 3, TimeRange(1.0, 2.0, 3.0)),
        (Scope.TRAINING, 3, TimeRange(1.0, 2.0, 3.0)),
    ]


def test_a_long_session_keeps_few_samples_at_even_times(engine: Engine, session_id: int) -> None:
    for second in range(0, 1_024, 8):
        keep(engine, session_id, float(second))
    with begin(engine) as db:
        samples = [one for one in list_samples(db, session_id) if one.scope is Scope.SESSION]
    assert len(samples) <= 1.3 * MOST_SAMPLES
    assert judge(samples, Scope.SESSION) is not None


def test_an_old_attempt_changes_nothing_of_the_new_one(engine: Engine, session_id: int) -> None:
    keep(engine, session_id, 40.0)
    keep(engine, session_id, 60.0, attempt=2)
    assert read_moment(engine, session_id).phases_s[PhaseName.TRAINING] == 20.0


def test_a_session_that_was_erased_keeps_nothing(engine: Engine, session_id: int) -> None:
    keep(engine, 10**9, 40.0)
    assert read_moment(engine, 10**9) == Moment()
    with begin(engine) as db, pytest.raises(NotFound):
        get_session(db, 10**9)


def test_samples_are_forgotten_when_phases_are_done_again(engine: Engine, session_id: int) -> None:
    keep(engine, session_id, 40.0)
    forget_samples(engine, session_id)
    with begin(engine) as db:
        assert list_samples(db, session_id) == []


def test_the_work_ahead_is_told_by_the_sizes_of_the_files(engine: Engine, session_id: int) -> None:
    small = [found(f"{n}.jpg", size=1_000) for n in range(30)]
    large = [found(f"z{n}.jpg", size=40_000_000) for n in range(3)]
    with begin(engine) as db:
        add_found(db, session_id, [*small, *large], pack=PACK)
    work = load_workload(engine, session_id).training
    assert work.total_items == 33
    assert work.for_last(3) == pytest.approx(3 * 101)
    assert work.for_last(33) == pytest.approx(303 + 30 * 1.5)


def test_files_as_large_as_an_earlier_one_are_counted_where_they_come(
    engine: Engine, session_id: int
) -> None:
    once = [found(f"{n}.jpg", size=1_000 + 10 * n) for n in range(30)]
    again = [found(f"copy-{n}.jpg", size=1_000 + 10 * n) for n in range(20)]
    nothing = [found(f"empty-{n}.jpg", size=size) for n, size in enumerate([None, None, 0, 0])]
    with begin(engine) as db:
        add_found(db, session_id, [*once, *nothing, *again], pack=PACK)
    alike = load_workload(engine, session_id).alike
    assert (alike.total, alike.share) == (20, 0.98)
    assert [alike.count_last(files) for files in (0, 20, 50)] == [0, 20, 20]


def test_of_many_files_that_are_equally_large_few_are_taken_for_copies(
    engine: Engine, session_id: int
) -> None:
    with begin(engine) as db:
        add_found(db, session_id, [found(f"{n}.ppm", size=1_920_015) for n in range(50)], pack=PACK)
    assert load_workload(engine, session_id).alike.total == 3


def test_files_of_unknown_size_count_as_the_others(engine: Engine, session_id: int) -> None:
    unknown = [found(f"{n}.jpg", size=None) for n in range(10)]
    with begin(engine) as db:
        add_found(db, session_id, [*unknown, found("known.jpg", size=4_000)], pack=PACK)
    assert load_workload(engine, session_id).training.for_last(11) == pytest.approx(22)
    assert load_workload(engine, session_id).detection.for_last(11) == pytest.approx(11)


def test_a_film_counts_by_its_own_measure_and_not_as_a_photo_without_bytes(
    engine: Engine, session_id: int
) -> None:
    film = replace(found("film", size=18_000_000), path="/photos/film.mp4")
    files = [found("photo", size=4_000), film]
    with begin(engine) as db:
        add_found(db, session_id, files, pack=PACK)
    # One unit for each file, one for the bytes of each, and ten more for the film.
    work = load_workload(engine, session_id).training
    assert work.for_last(2) == pytest.approx(2 + 1 + 1 + 10)

"""The ProgressActor's second duty: it fails sessions without a driver, and reloads lost news."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine

from cluster.actors.watching import Watch, choose_last_words
from cluster.core.drivers import LOST_AFTER_S
from cluster.core.sessions import Move, PhaseName, SessionStatus
from cluster.store.database.engine import begin
from cluster.store.erasing import erase_session
from cluster.store.sessions.phase_rows import add_counts, list_revisions
from cluster.store.sessions.session_locks import lock_session
from cluster.store.sessions.session_rows import create_session, get_session, move_session, set_job
from tests.library import NOW, start_session


@dataclass
class Ray:
    """The living jobs, their last words, the time, and what the live view shows."""

    alive: set[str] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)
    now: float = 0.0
    shown: dict[int, int] = field(default_factory=dict)
    reloaded: list[int] = field(default_factory=list)


@pytest.fixture
def ray() -> Ray:
    return Ray()


@pytest.fixture
def watch(engine: Engine, ray: Ray) -> Watch:
    return Watch(
        engine,
        is_job_alive=lambda job_id: job_id in ray.alive,
        last_words=ray.words.get,
        shown=lambda: dict(ray.shown),
        reload=ray.reloaded.append,
        clock=lambda: ray.now,
    )


def look_for(watch: Watch, ray: Ray, seconds: float) -> None:
    """Look every three seconds, as the actor does."""
    end = ray.now + seconds
    while ray.now <= end:
        watch.look()
        ray.now += 3


def status(engine: Engine, session_id: int) -> SessionStatus:
    with begin(engine) as db:
        return get_session(db, session_id).status


def create_submitted(engine: Engine, job_id: str) -> int:
    with begin(engine) as db:
        session = create_session(db, root="/p", name=None, pack="bundled", options={}, now=NOW)
        set_job(db, session.id, job_id)
    return session.id


def test_a_running_session_that_nobody_runs_fails_within_thirty_seconds(
    engine: Engine, watch: Watch, ray: Ray
) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
    look_for(watch, ray, 27)
    with begin(engine) as db:
        session = get_session(db, session_id)
    assert session.status is SessionStatus.FAILED
    assert session.error is not None
    assert session.error.startswith("driver lost")


def test_a_session_whose_job_died_before_it_began_fails_too(
    engine: Engine, watch: Watch, ray: Ray
) -> None:
    session_id = create_submitted(engine, "job-1")
    ray.alive.add("job-1")
    look_for(watch, ray, 100)
    assert status(engine, session_id) is SessionStatus.PENDING, "the session waits for its turn"
    ray.alive.clear()
    look_for(watch, ray, LOST_AFTER_S + 6)
    assert status(engine, session_id) is SessionStatus.FAILED


def test_what_a_job_said_when_it_ended_is_written_into_its_session(
    engine: Engine, watch: Watch, ray: Ray
) -> None:
    session_id = create_submitted(engine, "job-1")
    ray.words["job-1"] = "Setting pack: there is no such pack."
    look_for(watch, ray, LOST_AFTER_S + 6)
    with begin(engine) as db:
        error = get_session(db, session_id).error
    assert error is not None
    assert "Setting pack: there is no such pack." in error
    assert "resume continues" in error


def test_the_last_line_of_ours_is_what_a_job_said() -> None:
    output = (
        "Job failed with exit code 2, last logs:\nheadcount: first\nheadcount: the cause.\nNoise"
    )
    assert choose_last_words(output) == "the cause."
    assert choose_last_words("Job was stopped.\n") == "Job was stopped."
    assert choose_last_words(" \n") is None


def test_a_session_that_is_run_by_a_command_is_left_alone(
    engine: Engine, watch: Watch, ray: Ray
) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
    with lock_session(engine, session_id):
        look_for(watch, ray, 60)
        assert status(engine, session_id) is SessionStatus.RUNNING


def test_a_paused_session_waits_for_ever(engine: Engine, watch: Watch, ray: Ray) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
        move_session(db, session_id, Move.PAUSE, now=NOW)
    look_for(watch, ray, 1000)
    assert status(engine, session_id) is SessionStatus.PAUSED


def test_what_changed_without_the_live_view_is_read_again(
    engine: Engine, watch: Watch, ray: Ray
) -> None:
    with begin(engine) as db:
        changed, same, erased = (start_session(db) for _ in range(3))
        ray.shown = list_revisions(db, [changed, same, erased])
        add_counts(db, changed, PhaseName.TRAINING, total=1)
        move_session(db, erased, Move.CANCEL, now=NOW)
        erase_session(db, erased)
    watch.look()
    assert sorted(ray.reloaded) == [changed, erased]

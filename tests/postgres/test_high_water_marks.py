"""The highest counts shown are kept in the rows, and versions rise through every restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import Move, PhaseName
from cluster.store.database.engine import begin
from cluster.store.database.progress_versions import next_first_version
from cluster.store.items.discovery import add_found
from cluster.store.items.new_attempts import restart_session
from cluster.store.sessions.high_water_marks import raise_high_water_mark
from cluster.store.sessions.phase_rows import (
    complete_phase,
    finish_discovery,
    load_snapshots,
    start_phase,
)
from cluster.store.sessions.session_rows import get_session, move_session
from tests.library import NOW, PACK, found, start_session

TRAINING = PhaseName.TRAINING


def begin_session(engine: Engine, *, photos: int = 20) -> int:
    with begin(engine) as db:
        session_id = start_session(db)
        add_found(db, session_id, [found(str(n)) for n in range(photos)], pack=PACK)
        finish_discovery(db, session_id)
    return session_id


def training(engine: Engine, session_id: int) -> PhaseSnapshot:
    return load_snapshots(engine, session_id)[0]


def test_a_mark_only_rises_and_leaves_the_revision(engine: Engine) -> None:
    session_id = begin_session(engine)
    before = training(engine, session_id)
    for count in (5, 3, 9, 9):
        raise_high_water_mark(engine, session_id, TRAINING, 1, count)
    after = training(engine, session_id)
    assert (after.high_water_mark, after.shown, after.revision) == (9, 9, before.revision)


def test_a_mark_belongs_to_one_attempt(engine: Engine) -> None:
    session_id = begin_session(engine)
    raise_high_water_mark(engine, session_id, TRAINING, 1, 9)
    with begin(engine) as db:
        move_session(db, session_id, Move.CANCEL, now=NOW)
        restart_session(db, session_id, TRAINING, now=NOW)
    raise_high_water_mark(engine, session_id, TRAINING, 1, 12)
    assert training(engine, session_id).high_water_mark == 0


def test_a_mark_of_an_erased_session_changes_nothing(engine: Engine) -> None:
    raise_high_water_mark(engine, 4711, TRAINING, 1, 9)


def test_versions_rise_whatever_the_clock_does(engine: Engine) -> None:
    versions = [next_first_version(engine) for _ in range(3)]
    assert versions == sorted(set(versions))
    milliseconds_at_release = 1_800_000_000_000
    assert milliseconds_at_release < versions[0] < versions[-1] < 2**53


def test_nothing_ends_before_it_began_when_the_clock_is_set_back(engine: Engine) -> None:
    session_id = begin_session(engine, photos=0)
    earlier = datetime(2020, 1, 1, tzinfo=UTC)
    assert earlier < NOW - timedelta(days=1)
    with begin(engine) as db:
        for phase in PhaseName:
            start_phase(db, session_id, phase, now=NOW)
            complete_phase(db, session_id, phase, now=earlier)
        move_session(db, session_id, Move.COMPLETE, now=earlier)
        session = get_session(db, session_id)
    assert session.started_at is not None
    assert session.completed_at is not None
    assert session.completed_at >= session.started_at
    for snapshot in load_snapshots(engine, session_id):
        assert snapshot.completed_at == snapshot.started_at == NOW

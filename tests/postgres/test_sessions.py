"""The status of a session, its phases and its legal moves."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import IllegalMove, InvariantBroken, NotFound
from cluster.core.progress import ClusteringResult, unify
from cluster.core.sessions import Move, PhaseName, PhaseStatus, SessionStatus, overall_status
from cluster.store.items.census import note_passed_over
from cluster.store.sessions.phase_rows import (
    add_counts,
    complete_phase,
    fail_phase,
    finish_discovery,
    get_snapshots,
    record_clustering,
    restart_clustering,
    set_clustering,
    set_step,
    start_phase,
)
from cluster.store.sessions.session_rows import (
    SessionInfo,
    count_sessions,
    create_session,
    find_unfinished_session,
    get_session,
    list_sessions,
    move_session,
    set_job,
)
from cluster.store.sessions.workloads import load_past

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def new_session(db: Session, *, root: str = "/photos", pack: str = "bundled") -> SessionInfo:
    return create_session(db, root=root, name=None, pack=pack, options={"a": 1}, now=NOW)


def statuses(db: Session, session: SessionInfo) -> list[str]:
    return [phase.status.value for phase in get_snapshots(db, session.id)]


def complete_all(db: Session, session: SessionInfo, *, photos: int, seconds: int) -> None:
    finish_discovery(db, session.id)
    for phase in PhaseName:
        start_phase(db, session.id, phase, now=NOW)
        add_counts(db, session.id, phase, total=photos, processed=photos)
        complete_phase(db, session.id, phase, now=NOW + timedelta(seconds=seconds))


def test_the_films_of_a_session_are_known_when_all_its_files_are_found(db: Session) -> None:
    session = new_session(db)
    add_counts(db, session.id, PhaseName.TRAINING, total=9)
    assert unify(session.id, get_snapshots(db, session.id), version=1).films == 0
    note_passed_over(db, session.id, {}, [], films=4)
    finish_discovery(db, session.id)
    assert unify(session.id, get_snapshots(db, session.id), version=1).films == 4
    other = new_session(db, root="/other")
    assert unify(other.id, get_snapshots(db, other.id), version=1).films == 0


def test_a_new_session_is_pending_with_three_pending_phases(db: Session) -> None:
    session = new_session(db)
    assert session.status is SessionStatus.PENDING
    assert session.options == {"a": 1}
    assert session.created_at == NOW
    phases = get_snapshots(db, session.id)
    assert [phase.name for phase in phases] == list(PhaseName)
    assert [phase.is_discovering for phase in phases] == [True, True, False]
    assert statuses(db, session) == ["pending"] * 3


def test_a_status_is_stored_by_value(db: Session) -> None:
    new_session(db)
    assert db.execute(text("SELECT status FROM training_session")).scalar_one() == "pending"


def test_what_does_not_exist_is_not_found(db: Session) -> None:
    with pytest.raises(NotFound):
        get_session(db, 99)
    with pytest.raises(NotFound):
        get_snapshots(db, 99)
    with pytest.raises(NotFound):
        move_session(db, 99, Move.START, now=NOW)
    with pytest.raises(NotFound):
        add_counts(db, 99, PhaseName.TRAINING, total=1)
    with pytest.raises(NotFound):
        set_job(db, 99, "raysubmit_1")


def test_sessions_are_listed_newest_first_in_pages(db: Session) -> None:
    ids = [new_session(db).id for _ in range(3)]
    assert [session.id for session in list_sessions(db, limit=2)] == [ids[2], ids[1]]
    assert [session.id for session in list_sessions(db, limit=2, before_id=ids[1])] == [ids[0]]
    assert count_sessions(db) == 3


def test_the_newest_unfinished_session_of_a_root_and_pack_is_found(db: Session) -> None:
    first, second = new_session(db), new_session(db)
    new_session(db, root="/other")
    new_session(db, pack="buffalo_l")
    found = find_unfinished_session(db, root="/photos", pack="bundled")
    assert found is not None
    assert found.id == second.id
    move_session(db, second.id, Move.CANCEL, now=NOW)
    found = find_unfinished_session(db, root="/photos", pack="bundled")
    assert found is not None
    assert found.id == first.id
    move_session(db, first.id, Move.CANCEL, now=NOW)
    assert find_unfinished_session(db, root="/photos", pack="bundled") is None


def test_a_started_session_runs_from_its_first_second(db: Session) -> None:
    session = new_session(db)
    assert move_session(db, session.id, Move.START, now=NOW) is SessionStatus.RUNNING
    assert statuses(db, session) == ["running", "pending", "pending"]
    assert get_session(db, session.id).started_at == NOW


def test_an_illegal_move_changes_nothing(db: Session) -> None:
    session = new_session(db)
    with pytest.raises(IllegalMove, match="pending cannot resume"):
        move_session(db, session.id, Move.RESUME, now=NOW)
    assert get_session(db, session.id) == session


@pytest.mark.parametrize("move", [Move.PAUSE, Move.CANCEL, Move.FAIL])
@pytest.mark.parametrize("phases_done", [0, 1, 2])
def test_the_phases_agree_with_the_session_after_a_move(
    db: Session, move: Move, phases_done: int
) -> None:
    session = new_session(db)
    move_session(db, session.id, Move.START, now=NOW)
    finish_discovery(db, session.id)
    for phase in list(PhaseName)[:phases_done]:
        complete_phase(db, session.id, phase, now=NOW)
    status = move_session(db, session.id, move, now=NOW)
    assert overall_status([PhaseStatus(value) for value in statuses(db, session)]) is status
    resumed = move_session(db, session.id, Move.RESUME, now=NOW)
    assert resumed is SessionStatus.RUNNING
    assert overall_status([PhaseStatus(value) for value in statuses(db, session)]) is resumed


def test_a_resumed_session_keeps_its_start_and_loses_its_error(db: Session) -> None:
    session = new_session(db)
    move_session(db, session.id, Move.START, now=NOW)
    fail_phase(db, session.id, PhaseName.TRAINING, error="The disk\0 is gone.", now=NOW)
    move_session(db, session.id, Move.FAIL, now=NOW, error="The disk is gone.")
    failed = get_session(db, session.id)
    assert failed.error == "The disk is gone."
    assert failed.completed_at == NOW
    assert get_snapshots(db, session.id)[0].error == "The disk\\0 is gone."
    move_session(db, session.id, Move.RESUME, now=NOW + timedelta(hours=1))
    resumed = get_session(db, session.id)
    assert (resumed.started_at, resumed.completed_at, resumed.error) == (NOW, None, None)
    assert get_snapshots(db, session.id)[0].error is None


def test_every_change_raises_the_revision_and_adding_nothing_does_not(db: Session) -> None:
    session = new_session(db)
    first = add_counts(db, session.id, PhaseName.TRAINING, total=3, processed=1)
    second = add_counts(db, session.id, PhaseName.TRAINING, failed=1)
    assert (second.revision, second.counts.finished, second.counts.total) == (
        first.revision + 1,
        2,
        3,
    )
    assert add_counts(db, session.id, PhaseName.TRAINING) == second
    start_phase(db, session.id, PhaseName.TRAINING, now=NOW)
    assert get_snapshots(db, session.id)[0].revision == second.revision + 1


def test_the_database_refuses_more_finished_than_total(db: Session) -> None:
    session = new_session(db)
    with pytest.raises(Exception, match="ck_session_phase_law"):
        add_counts(db, session.id, PhaseName.TRAINING, processed=1)


def test_a_phase_with_unfinished_photos_cannot_complete(db: Session) -> None:
    session = new_session(db)
    finish_discovery(db, session.id)
    add_counts(db, session.id, PhaseName.TRAINING, total=2, processed=1)
    with pytest.raises(InvariantBroken, match="1 of 2"):
        complete_phase(db, session.id, PhaseName.TRAINING, now=NOW)


def test_a_phase_keeps_its_first_start(db: Session) -> None:
    session = new_session(db)
    start_phase(db, session.id, PhaseName.TRAINING, now=NOW)
    start_phase(db, session.id, PhaseName.TRAINING, now=NOW + timedelta(hours=1))
    assert get_snapshots(db, session.id)[0].started_at == NOW


def test_clustering_counts_its_steps_and_never_falls(db: Session) -> None:
    session = new_session(db)
    set_clustering(db, session.id, current=5, total=10, step="neighbours")
    settled = set_clustering(db, session.id, current=3, total=10, step="neighbours")
    assert (settled.counts.processed, settled.counts.total) == (5, 10)
    set_step(db, session.id, PhaseName.CLUSTERING, "labels")
    record_clustering(db, session.id, ClusteringResult(2, 9, 1))
    snapshot = get_snapshots(db, session.id)[2]
    assert (snapshot.step, snapshot.result) == ("labels", ClusteringResult(2, 9, 1))
    restart_clustering(db, session.id)
    snapshot = get_snapshots(db, session.id)[2]
    assert (snapshot.attempt, snapshot.counts.total, snapshot.result) == (2, 0, None)


def test_past_speeds_are_those_of_completed_sessions_with_the_pack(
    db: Session, engine: Engine
) -> None:
    for photos in (100, 40):
        session = new_session(db)
        move_session(db, session.id, Move.START, now=NOW)
        complete_all(db, session, photos=photos, seconds=20)
        move_session(db, session.id, Move.COMPLETE, now=NOW)
    nothing_to_do = new_session(db)
    move_session(db, nothing_to_do.id, Move.START, now=NOW)
    complete_all(db, nothing_to_do, photos=0, seconds=20)
    move_session(db, nothing_to_do.id, Move.COMPLETE, now=NOW)
    newest, other = new_session(db), new_session(db, pack="buffalo_l")
    db.commit()
    speeds, grouping = load_past(engine, newest.id)
    # The 40 in 20 s weigh twice as much as the older 100 in 20 s.
    expected = (2 * math.log(2.0) + math.log(5.0)) / 3
    assert speeds[PhaseName.TRAINING].log_speed == pytest.approx(expected)
    assert speeds[PhaseName.FACE_DETECTION].log_speed == pytest.approx(expected)
    assert grouping is not None and grouping > 1
    assert load_past(engine, other.id) == ({}, None)


def test_a_short_session_says_less_about_the_speed_than_a_long_one(
    engine: Engine, db: Session
) -> None:
    newest = []
    for seconds, pack in ((4, "bundled"), (400, "buffalo_l")):
        earlier = new_session(db, pack=pack)
        move_session(db, earlier.id, Move.START, now=NOW)
        complete_all(db, earlier, photos=400, seconds=seconds)
        move_session(db, earlier.id, Move.COMPLETE, now=NOW)
        newest.append(new_session(db, pack=pack))
    db.commit()
    short, long = (load_past(engine, one.id)[0][PhaseName.TRAINING].sigma for one in newest)
    assert short > 1.5 * long

"""Restarting a phase: what is undone, what stays, and that a late worker changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import IllegalMove, NotFound, NothingFailed
from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.photos import DetectionOutcome, TrainingOutcome
from cluster.core.progress import PhaseCounts, PhaseSnapshot
from cluster.core.sessions import Move, PhaseName, PhaseStatus, SessionStatus
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import skip_known
from cluster.store.items.new_attempts import restart_session, retry_session
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import (
    complete_phase,
    finish_discovery,
    get_snapshots,
    set_clustering,
)
from cluster.store.sessions.session_rows import move_session
from tests.library import (
    NOW,
    PACK,
    detect,
    found,
    ids_of,
    make_face,
    record,
    run_session,
    settle_training,
    start_session,
    train,
)

TRAINING, DETECTION, CLUSTERING = PhaseName
LATER = NOW + timedelta(hours=1)


def run_with_failures(db: Session) -> int:
    """A complete session: a and b have faces, b2 is b's duplicate, bad and odd failed."""
    session_id = start_session(db)
    names = ("a", "b", "b2", "bad", "odd")
    add_found(db, session_id, [found(n, modified_ns=k) for k, n in enumerate(names)], pack=PACK)
    finish_discovery(db, session_id)
    do_training(db, session_id)
    do_detection(db, session_id)
    finish(db, session_id)
    return session_id


def do_training(db: Session, session_id: int, *, still_bad: bool = True) -> None:
    ids = ids_of(db, session_id)
    train(db, session_id, {n: n.strip("2") for n in ids if n != "bad" or not still_bad})
    if "bad" in ids and still_bad:
        failed = TrainingOutcome(ids["bad"], failure="it is cut", is_lasting=True)
        settle_training(db, session_id, [failed], pack=PACK)
    complete_phase(db, session_id, TRAINING, now=NOW)


def do_detection(db: Session, session_id: int, *, still_odd: bool = True) -> None:
    skip_known(db, session_id)
    ids = ids_of(db, session_id, DETECTION)
    detect(db, session_id, dict.fromkeys((n for n in ids if n != "odd" or not still_odd), 2))
    if "odd" in ids and still_odd:
        failed = DetectionOutcome(ids["odd"], failure="the model was confused")
        settle_detection(db, session_id, [failed], pack=PACK, now=NOW)
    complete_phase(db, session_id, DETECTION, now=NOW)


def finish(db: Session, session_id: int) -> None:
    set_clustering(db, session_id, current=4, total=4)
    complete_phase(db, session_id, CLUSTERING, now=NOW)
    move_session(db, session_id, Move.COMPLETE, now=NOW)
    check_session(db, session_id)


def phases(db: Session, session_id: int) -> dict[PhaseName, PhaseSnapshot]:
    return {phase.name: phase for phase in get_snapshots(db, session_id)}


def counts(db: Session, session_id: int) -> dict[PhaseName, PhaseCounts]:
    return {name: phase.counts for name, phase in phases(db, session_id).items()}


def attempts(db: Session, session_id: int) -> list[int]:
    return [phase.attempt for phase in get_snapshots(db, session_id)]


def statuses(db: Session, session_id: int) -> list[str]:
    return [phase.status.value for phase in get_snapshots(db, session_id)]


def rows(db: Session, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in db.execute(text(query))]


FACES = "SELECT id, image_id, person_id, placed_by_user FROM face ORDER BY id"


def test_restarting_training_does_every_photo_again_in_every_phase(db: Session) -> None:
    session_id = run_with_failures(db)
    assert restart_session(db, session_id, TRAINING, now=LATER) is SessionStatus.PENDING
    assert attempts(db, session_id) == [2, 2, 2]
    assert counts(db, session_id) == {
        TRAINING: PhaseCounts(5),
        DETECTION: PhaseCounts(5),
        CLUSTERING: PhaseCounts(0),
    }
    assert all(phase.status is PhaseStatus.PENDING for phase in get_snapshots(db, session_id))
    assert all(phase.started_at is None for phase in get_snapshots(db, session_id))
    assert len(ids_of(db, session_id)) == 5
    check_session(db, session_id)


def test_a_restarted_session_ends_as_it_did_the_first_time(db: Session) -> None:
    session_id = run_with_failures(db)
    before, faces = counts(db, session_id), rows(db, FACES)
    for phase in (TRAINING, DETECTION):
        restart_session(db, session_id, phase, now=LATER)
        move_session(db, session_id, Move.START, now=LATER)
        if phase is TRAINING:
            add_found(db, session_id, [found("a", modified_ns=0)], pack=PACK)
            finish_discovery(db, session_id)
            do_training(db, session_id)
        do_detection(db, session_id)
        finish(db, session_id)
        assert counts(db, session_id) == before
        assert rows(db, FACES) == faces


def test_restarting_training_finds_new_photos_and_those_that_changed(db: Session) -> None:
    session_id = run_session(db, {"a": found("a"), "b": found("b")})
    restart_session(db, session_id, TRAINING, now=LATER)
    assert phases(db, session_id)[TRAINING].is_discovering
    again = [found("a"), found("b", modified_ns=999), found("c")]
    add_found(db, session_id, again, pack=PACK)
    assert set(ids_of(db, session_id)) == {"a", "b", "c"}
    modified = "SELECT modified_ns FROM file ORDER BY path"
    assert rows(db, modified) == [(100,), (999,), (100,)]
    check_session(db, session_id)


def test_restarting_face_detection_leaves_training_as_it_is(db: Session) -> None:
    session_id = run_with_failures(db)
    before = phases(db, session_id)[TRAINING]
    restart_session(db, session_id, DETECTION, now=LATER)
    now = phases(db, session_id)
    assert now[TRAINING] == before
    assert attempts(db, session_id) == [1, 2, 2]
    # b2 is a duplicate and bad is unreadable, so that neither is searched for faces.
    assert now[DETECTION].counts == PhaseCounts(5, skipped=2)
    assert now[DETECTION].faces_detected == 0
    assert set(ids_of(db, session_id, DETECTION)) == {"a", "b", "odd"}
    check_session(db, session_id)


def test_restarting_face_detection_looks_at_unchanged_photos_too(db: Session) -> None:
    run_session(db, {name: found(name) for name in "ab"})
    session_id = run_session(db, {name: found(name) for name in "abc"})
    restart_session(db, session_id, DETECTION, now=LATER)
    skip_known(db, session_id)
    assert set(ids_of(db, session_id, DETECTION)) == {"a", "b", "c"}
    detect(db, session_id, dict.fromkeys("abc", 1))
    complete_phase(db, session_id, DETECTION, now=LATER)
    assert phases(db, session_id)[DETECTION].faces_detected == 3
    assert rows(db, "SELECT count(*) FROM face") == [(3,)]


def test_restarting_clustering_touches_no_other_phase(db: Session) -> None:
    session_id = run_with_failures(db)
    restart_session(db, session_id, CLUSTERING, now=LATER)
    assert attempts(db, session_id) == [1, 1, 2]
    assert statuses(db, session_id) == ["completed", "completed", "pending"]
    assert counts(db, session_id)[CLUSTERING] == PhaseCounts(0)
    check_session(db, session_id)


def test_faces_that_are_found_again_keep_their_person_and_the_others_go(db: Session) -> None:
    session_id = run_session(db, {"a": found("a"), "b": found("b")}, faces_each=1)
    db.execute(
        text(
            "WITH p AS (INSERT INTO person (name, pack, created_at, updated_at)"
            " VALUES ('Ada', :pack, now(), now()) RETURNING id)"
            " UPDATE face SET person_id = p.id,"
            " placed_by_user = (image_id = (SELECT min(image_id) FROM face)) FROM p"
        ),
        {"pack": PACK},
    )
    before = rows(db, FACES)
    restart_session(db, session_id, DETECTION, now=LATER)
    assert rows(db, FACES) == before
    ids = ids_of(db, session_id, DETECTION)
    face = make_face(1)
    moved = replace(face, box=BoundingBox(5.0, 5.0, 52.0, 62.0), crop=b"new crop", quality=0.5)
    far = replace(face, box=BoundingBox(500.0, 500.0, 560.0, 560.0))
    outcomes = [DetectionOutcome(ids["a"], (far, moved)), DetectionOutcome(ids["b"], (far,))]
    settle_detection(db, session_id, outcomes, pack=PACK, now=LATER)
    kept = next(row for row in before if row[1] == ids["a"])
    assert kept in rows(db, FACES)
    assert len(rows(db, "SELECT id FROM face WHERE person_id IS NULL")) == 2
    assert rows(db, "SELECT crop, quality FROM face WHERE person_id IS NOT NULL") == [
        (b"new crop", 0.5)
    ]
    assert phases(db, session_id)[DETECTION].faces_detected == 3


def test_a_retry_does_only_failed_photos_again(db: Session) -> None:
    session_id = run_with_failures(db)
    assert retry_session(db, session_id, now=LATER) is SessionStatus.PENDING
    assert set(ids_of(db, session_id)) == {"bad"}
    assert set(ids_of(db, session_id, DETECTION)) == {"bad", "odd"}
    assert counts(db, session_id) == {
        TRAINING: PhaseCounts(5, processed=3, skipped=1),
        DETECTION: PhaseCounts(5, processed=2, skipped=1),
        CLUSTERING: PhaseCounts(0),
    }
    assert attempts(db, session_id) == [2, 2, 2]
    assert not phases(db, session_id)[TRAINING].is_discovering
    check_session(db, session_id)
    move_session(db, session_id, Move.START, now=LATER)
    do_training(db, session_id, still_bad=False)
    do_detection(db, session_id, still_odd=False)
    assert counts(db, session_id)[DETECTION] == PhaseCounts(5, processed=4, skipped=1)
    assert phases(db, session_id)[DETECTION].faces_detected == 8
    finish(db, session_id)


def test_a_retry_of_face_detection_leaves_training_alone(db: Session) -> None:
    session_id = run_with_failures(db)
    retry_session(db, session_id, phase=DETECTION, now=LATER)
    assert attempts(db, session_id) == [1, 2, 2]
    assert statuses(db, session_id) == ["completed", "pending", "pending"]
    assert set(ids_of(db, session_id, DETECTION)) == {"odd"}
    check_session(db, session_id)


def test_restarting_the_failed_photos_of_training_finds_their_faces_too(db: Session) -> None:
    session_id = run_with_failures(db)
    restart_session(db, session_id, TRAINING, failed_only=True, now=LATER)
    assert set(ids_of(db, session_id)) == {"bad"}
    assert set(ids_of(db, session_id, DETECTION)) == {"bad"}
    assert counts(db, session_id)[DETECTION] == PhaseCounts(5, processed=2, skipped=1, failed=1)
    check_session(db, session_id)


def test_a_complete_session_without_a_failed_photo_has_nothing_to_retry(db: Session) -> None:
    session_id = run_session(db, {"a": found("a")})
    with pytest.raises(NothingFailed, match=r"No photo failed.*legal moves: restart"):
        retry_session(db, session_id, now=LATER)
    assert attempts(db, session_id) == [1, 1, 1]


def test_a_retry_of_a_cancelled_session_goes_on_with_what_was_pending(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a"), found("b")], pack=PACK)
    train(db, session_id, {"a": "a"})
    move_session(db, session_id, Move.CANCEL, now=NOW)
    retry_session(db, session_id, now=LATER)
    assert attempts(db, session_id) == [1, 1, 1]
    assert counts(db, session_id)[TRAINING] == PhaseCounts(2, processed=1)
    assert statuses(db, session_id) == ["pending"] * 3


def test_an_illegal_restart_changes_nothing(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a")], pack=PACK)
    train(db, session_id, {"a": "a"})
    before = get_snapshots(db, session_id)
    with pytest.raises(IllegalMove, match="running cannot restart; legal moves: cancel, pause"):
        restart_session(db, session_id, TRAINING, now=LATER)
    with pytest.raises(IllegalMove, match="running cannot retry"):
        retry_session(db, session_id, now=LATER)
    assert get_snapshots(db, session_id) == before
    with pytest.raises(NotFound):
        restart_session(db, 4711, TRAINING, now=LATER)


def test_a_late_worker_of_an_earlier_attempt_changes_nothing(db: Session) -> None:
    session_id = run_session(db, {"a": found("a"), "b": found("b")})
    restart_session(db, session_id, TRAINING, now=LATER)
    before = get_snapshots(db, session_id)
    late = [TrainingOutcome(image_id, record(n)) for n, image_id in ids_of(db, session_id).items()]
    settled = settle_training(db, session_id, late, pack=PACK, attempt=1)
    assert settled.counts == PhaseCounts(2)
    seen = [DetectionOutcome(outcome.file_id, (make_face(9),)) for outcome in late]
    settle_detection(db, session_id, seen, pack=PACK, now=LATER, attempt=1)
    set_clustering(db, session_id, current=5, total=10, attempt=1)
    assert get_snapshots(db, session_id) == before
    check_session(db, session_id)
    assert settle_training(db, session_id, late, pack=PACK, attempt=2).counts.processed == 2


def test_photos_that_a_retry_leaves_alone_say_nothing_about_speed(db: Session) -> None:
    session_id = run_with_failures(db)
    retry_session(db, session_id, now=LATER)
    move_session(db, session_id, Move.START, now=LATER)
    unchanged = "SELECT unchanged FROM session_phase WHERE phase = 'training'"
    assert rows(db, unchanged) == [(4,)]

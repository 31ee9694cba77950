"""The law of progress in the database: every item counts once, even if it is run twice or late."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import InvariantBroken
from cluster.core.pictures.photos import DetectionOutcome, FoundPhoto, TrainingOutcome
from cluster.core.progress import PhaseCounts
from cluster.core.sessions import PhaseName
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import (
    count_duplicates,
    count_failures,
    list_failures,
    list_pending,
    skip_known,
)
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import get_settled
from tests.item_states import count_items_by_state
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

TRAINING, DETECTION = PhaseName.TRAINING, PhaseName.FACE_DETECTION


def reasons(db: Session, session_id: int, column: str = "training") -> dict[str, str]:
    rows = db.execute(
        text(
            f"SELECT i.path, s.{column}_state || coalesce(': ' || s.{column}_reason, '')"
            " FROM session_item s JOIN file i ON i.id = s.file_id WHERE s.session_id = :id"
        ),
        {"id": session_id},
    )
    return {path.split("/")[-1].removesuffix(".jpg"): state for path, state in rows}


def test_found_photos_are_pending_in_both_phases(db: Session) -> None:
    session_id = start_session(db)
    training, detection = add_found(db, session_id, [found("b"), found("a")], pack=PACK)
    assert training.counts == detection.counts == PhaseCounts(total=2)
    paths = [item.path for item in list_pending(db, session_id, TRAINING, limit=10)]
    assert paths == ["/photos/b.jpg", "/photos/a.jpg"]
    check_session(db, session_id)


def test_a_photo_found_twice_counts_once(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a"), found("a")], pack=PACK)
    training, detection = add_found(db, session_id, [found("a"), found("b")], pack=PACK)
    assert training.counts.total == detection.counts.total == 2
    check_session(db, session_id)


def test_pending_photos_come_in_pages_in_the_order_of_finding(db: Session) -> None:
    run_session(db, {"c": found("c")})
    session_id = start_session(db, pack="other")
    add_found(db, session_id, [found("a"), found("b"), found("c")], pack="other")
    first = list_pending(db, session_id, TRAINING, limit=2)
    rest = list_pending(db, session_id, TRAINING, after=first[-1].position, limit=2)
    paths = [item.path for item in first + rest]
    assert paths == ["/photos/a.jpg", "/photos/b.jpg", "/photos/c.jpg"]


def test_a_batch_run_twice_counts_once(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a"), found("b")], pack=PACK)
    ids = ids_of(db, session_id)
    batch = [TrainingOutcome(ids["a"], record("a")), TrainingOutcome(ids["b"], failure="empty")]
    first = settle_training(db, session_id, batch, pack=PACK)
    assert first.counts == PhaseCounts(total=2, processed=1, failed=1)
    assert settle_training(db, session_id, batch, pack=PACK) == first
    check_session(db, session_id)


def test_a_detection_batch_run_twice_counts_once_and_keeps_its_faces(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a")], pack=PACK)
    train(db, session_id, {"a": "a"})
    ids = ids_of(db, session_id, DETECTION)
    batch = [DetectionOutcome(ids["a"], (make_face(1), make_face(2)))]
    first = settle_detection(db, session_id, batch, pack=PACK, now=NOW)
    assert (first.counts.processed, first.faces_detected) == (1, 2)
    face_ids = db.execute(text("SELECT id FROM face ORDER BY id")).scalars().all()
    assert settle_detection(db, session_id, batch, pack=PACK, now=NOW) == first
    assert db.execute(text("SELECT id FROM face ORDER BY id")).scalars().all() == face_ids
    check_session(db, session_id)


def test_items_that_are_gone_are_ignored(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a")], pack=PACK)
    before = get_settled(db, session_id, TRAINING)
    gone = [TrainingOutcome(999, record("a"))]
    assert settle_training(db, session_id, gone, pack=PACK) == before
    lost = [DetectionOutcome(999, (make_face(1),))]
    settled = settle_detection(db, session_id, lost, pack=PACK, now=NOW)
    assert settled.counts.processed == settled.faces_detected == 0


def test_an_empty_batch_changes_nothing(db: Session) -> None:
    session_id = start_session(db)
    before = get_settled(db, session_id, TRAINING)
    assert settle_training(db, session_id, [], pack=PACK) == before
    assert add_found(db, session_id, [], pack=PACK)[0] == before
    settle_detection(db, session_id, [], pack=PACK, now=NOW)
    check_session(db, session_id)


def test_counts_of_the_row_equal_count_of_its_items(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found(str(n)) for n in range(6)], pack=PACK)
    ids = ids_of(db, session_id)
    train(db, session_id, {"0": "p", "1": "p", "2": "q"})
    failed = [TrainingOutcome(ids["3"], failure="truncated", is_lasting=True)]
    settle_training(db, session_id, failed, pack=PACK)
    skip_known(db, session_id)
    detect(db, session_id, {"0": 2})
    expected = PhaseCounts(total=6, processed=2, skipped=1, failed=1)
    assert count_items_by_state(db, session_id, TRAINING) == expected
    assert get_settled(db, session_id, TRAINING).counts == expected
    expected = PhaseCounts(total=6, processed=1, skipped=2)
    assert count_items_by_state(db, session_id, DETECTION) == expected
    assert get_settled(db, session_id, DETECTION).counts == expected
    check_session(db, session_id)


def test_a_count_that_its_items_do_not_bear_out_is_a_broken_invariant(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a")], pack=PACK)
    db.execute(text("UPDATE session_phase SET failed = 1 WHERE phase = 'training'"))
    with pytest.raises(InvariantBroken, match="training row"):
        check_session(db, session_id)


def test_unchanged_photos_are_skipped_in_both_phases(db: Session) -> None:
    run_session(db, {"a": found("a"), "b": found("b")})
    session_id = start_session(db)
    training, detection = add_found(db, session_id, [found("a"), found("b")], pack=PACK)
    assert training.counts == detection.counts == PhaseCounts(total=2, skipped=2)
    assert set(reasons(db, session_id).values()) == {"skipped: unchanged"}
    check_session(db, session_id)


def test_unchanged_photos_are_done_again_with_another_pack(db: Session) -> None:
    run_session(db, {"a": found("a")})
    session_id = start_session(db, pack="other")
    training, _ = add_found(db, session_id, [found("a")], pack="other")
    assert training.counts == PhaseCounts(total=1)


def test_a_photo_whose_faces_were_never_looked_for_is_not_unchanged(db: Session) -> None:
    first = start_session(db)
    add_found(db, first, [found("a")], pack=PACK)
    train(db, first, {"a": "a"})
    second = start_session(db)
    training, _ = add_found(db, second, [found("a")], pack=PACK)
    assert training.counts == PhaseCounts(total=1)


def test_unchanged_duplicates_are_skipped_too(db: Session) -> None:
    first = start_session(db)
    add_found(db, first, [found("a"), found("b")], pack=PACK)
    train(db, first, {"a": "same", "b": "same"})
    skip_known(db, first)
    detect(db, first, {"a": 1})
    second = start_session(db)
    training, _ = add_found(db, second, [found("a"), found("b")], pack=PACK)
    assert training.counts == PhaseCounts(total=2, skipped=2)
    check_session(db, first)


def test_unchanged_unreadable_photos_are_skipped_with_their_reason(db: Session) -> None:
    first = start_session(db)
    add_found(db, first, [found("bad"), found("away")], pack=PACK)
    ids = ids_of(db, first)
    outcomes = [
        TrainingOutcome(ids["bad"], failure="it is truncated", is_lasting=True),
        TrainingOutcome(ids["away"], failure="permission denied"),
    ]
    settle_training(db, first, outcomes, pack=PACK)
    second = start_session(db)
    add_found(db, second, [found("bad"), found("away")], pack=PACK)
    expected = {"bad": "skipped: unchanged, unreadable: it is truncated", "away": "pending"}
    assert reasons(db, second) == reasons(db, second, "detection") == expected
    check_session(db, second)


@pytest.mark.parametrize("changed", [found("a", modified_ns=101), found("a", size=11)])
def test_a_changed_file_is_read_again_and_its_photo_keeps_its_faces(
    db: Session, changed: FoundPhoto
) -> None:
    run_session(db, {"a": found("a"), "b": found("b")})
    session_id = start_session(db)
    training, _ = add_found(db, session_id, [changed, found("b")], pack=PACK)
    assert training.counts == PhaseCounts(total=2, skipped=1)
    query = "SELECT i.path FROM face f JOIN file i ON i.image_id = f.image_id ORDER BY 1"
    assert db.execute(text(query)).scalars().all() == ["/photos/a.jpg", "/photos/b.jpg"]
    check_session(db, session_id)


def test_a_photo_that_changes_during_its_session_stays_as_it_was_counted(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a")], pack=PACK)
    train(db, session_id, {"a": "a"})
    training, _ = add_found(db, session_id, [found("a", modified_ns=500)], pack=PACK)
    assert training.counts == PhaseCounts(total=1, processed=1)
    check_session(db, session_id)


def test_unreadable_and_duplicate_photos_are_skipped_in_face_detection_once(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a"), found("b", modified_ns=101), found("c")], pack=PACK)
    ids = ids_of(db, session_id)
    train(db, session_id, {"a": "same", "b": "same"})
    settle_training(db, session_id, [TrainingOutcome(ids["c"], failure="empty")], pack=PACK)
    first = skip_known(db, session_id)
    assert first.counts == PhaseCounts(total=3, skipped=2)
    assert skip_known(db, session_id) == first
    assert reasons(db, session_id, "detection") == {
        "a": "pending",
        "b": "skipped: duplicate of /photos/a.jpg",
        "c": "skipped: unreadable",
    }
    check_session(db, session_id)


def test_failures_are_listed_with_phase_and_reason(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a"), found("b"), found("c")], pack=PACK)
    ids = ids_of(db, session_id)
    train(db, session_id, {"b": "b", "c": "c"})
    settle_training(db, session_id, [TrainingOutcome(ids["a"], failure="em\0pty")], pack=PACK)
    crashed = [DetectionOutcome(ids["b"], failure="it crashed \ud800 its worker")]
    settle_detection(db, session_id, crashed, pack=PACK, now=NOW)
    failures = list_failures(db, session_id, limit=10)
    assert [(f.path, f.phase, f.reason) for f in failures] == [
        ("/photos/a.jpg", TRAINING, "em\\0pty"),
        ("/photos/b.jpg", DETECTION, "it crashed \\ud800 its worker"),
    ]
    assert list_failures(db, session_id, phase=DETECTION, limit=10) == failures[1:]
    assert list_failures(db, session_id, limit=10, after=failures[0].file_id) == failures[1:]
    assert list_failures(db, session_id, limit=1) == failures[:1]
    assert count_failures(db, session_id) == 2
    assert count_failures(db, session_id, phase=TRAINING) == 1
    check_session(db, session_id)


def test_faces_that_another_session_found_meanwhile_stay(db: Session) -> None:
    one, two = start_session(db), start_session(db)
    for session_id in (one, two):
        add_found(db, session_id, [found("a")], pack=PACK)
        train(db, session_id, {"a": "a"})
    detect(db, one, {"a": 2})
    db.execute(text("UPDATE face SET placed_by_user = true"))
    settled = detect(db, two, {"a": 3})
    assert (settled.counts.processed, settled.faces_detected) == (1, 2)
    assert db.execute(text("SELECT count(*) FROM face WHERE placed_by_user")).scalar_one() == 2


def test_a_path_may_be_as_long_and_strange_as_a_file_system_allows(db: Session) -> None:
    session_id = start_session(db)
    names = ["x" * 4000, "'; DROP TABLE image; --", "ä € 🙂 %s :name", "a\nb"]
    add_found(db, session_id, [found(name) for name in names], pack=PACK)
    assert set(ids_of(db, session_id)) == set(names)
    assert count_duplicates(db, session_id) == 0

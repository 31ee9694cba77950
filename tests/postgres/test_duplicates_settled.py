"""Each group of duplicates has exactly one processed photo, whatever the order of the batches."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.pictures.duplicates import MAX_DHASH_BITS
from cluster.core.pictures.photos import DetectionOutcome, TrainingOutcome
from cluster.core.progress import PhaseCounts
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import count_duplicates, skip_known
from cluster.store.sessions.invariants import check_session
from tests.item_states import count_items_by_state
from tests.library import (
    NOW,
    PACK,
    detect,
    found,
    ids_of,
    make_face,
    record,
    settle_training,
    start_session,
    train,
)

OLD = {"old": 100, "middle": 200, "new": 300}


def states(db: Session, session_id: int) -> dict[str, str]:
    rows = db.execute(
        text(
            "SELECT i.path, coalesce(s.training_reason, s.training_state) FROM session_item s"
            " JOIN file i ON i.id = s.file_id WHERE s.session_id = :id"
        ),
        {"id": session_id},
    )
    return {path.split("/")[-1].removesuffix(".jpg"): state for path, state in rows}


def open_group(db: Session) -> int:
    session_id = start_session(db)
    photos = [found(name, modified_ns=time) for name, time in OLD.items()]
    add_found(db, session_id, photos, pack=PACK)
    return session_id


@pytest.mark.parametrize("order", list(itertools.permutations(OLD)))
def test_the_oldest_is_the_representative_whatever_the_order(
    db: Session, order: tuple[str, ...]
) -> None:
    session_id = open_group(db)
    for name in order:
        train(db, session_id, {name: "same"})
        check_session(db, session_id)
    assert states(db, session_id) == {
        "old": "processed",
        "middle": "duplicate of /photos/old.jpg",
        "new": "duplicate of /photos/old.jpg",
    }
    assert count_duplicates(db, session_id) == 2


def test_a_late_older_photo_takes_over_as_representative(db: Session) -> None:
    session_id = open_group(db)
    first = train(db, session_id, {"new": "same"})
    assert first.counts == PhaseCounts(total=3, processed=1)
    second = train(db, session_id, {"old": "same"})
    assert second.counts == PhaseCounts(total=3, processed=1, skipped=1)
    assert states(db, session_id)["new"] == "duplicate of /photos/old.jpg"


def test_a_batch_may_hold_duplicates_of_its_own(db: Session) -> None:
    session_id = open_group(db)
    settled = train(db, session_id, dict.fromkeys(OLD, "same"))
    assert settled.counts == PhaseCounts(total=3, processed=1, skipped=2)
    check_session(db, session_id)


def test_the_same_phash_alone_is_no_duplicate(db: Session) -> None:
    session_id = open_group(db)
    ids = ids_of(db, session_id)
    outcomes = [
        TrainingOutcome(ids["old"], record("dark", data="1")),
        TrainingOutcome(ids["new"], record("dark", data="2", dhash=(1 << 256) - 1)),
    ]
    settled = settle_training(db, session_id, outcomes, pack=PACK)
    assert settled.counts == PhaseCounts(total=3, processed=2)


def test_a_photo_with_faces_stays_the_representative_of_older_ones(db: Session) -> None:
    first = start_session(db)
    add_found(db, first, [found("new", modified_ns=300)], pack=PACK)
    train(db, first, {"new": "same"})
    detect(db, first, {"new": 2})
    second = start_session(db)
    add_found(db, second, [found("old", modified_ns=100)], pack=PACK)
    settled = train(db, second, {"old": "same"})
    assert settled.counts == PhaseCounts(total=1, skipped=1)
    assert states(db, second) == {"old": "duplicate of /photos/new.jpg"}
    check_session(db, second)


def test_a_photo_that_has_faces_stands_for_its_duplicates_in_every_pack(db: Session) -> None:
    first = start_session(db)
    add_found(db, first, [found("new", modified_ns=300)], pack=PACK)
    train(db, first, {"new": "same"})
    detect(db, first, {"new": 2})
    second = start_session(db, pack="other")
    photos = [found("old", modified_ns=100), found("new", modified_ns=300)]
    add_found(db, second, photos, pack="other")
    train(db, second, {"new": "same", "old": "same"}, pack="other")
    assert states(db, second) == {"new": "processed", "old": "duplicate of /photos/new.jpg"}
    third = start_session(db)
    training, _ = add_found(db, third, photos, pack=PACK)
    assert training.counts == PhaseCounts(total=2, skipped=2)
    check_session(db, second)


def test_a_duplicate_that_is_released_becomes_processed(db: Session) -> None:
    """`middle` and `old` are duplicates of `new`, but differ from each other by too many bits."""
    session_id = open_group(db)
    ids = ids_of(db, session_id)
    most = (1 << MAX_DHASH_BITS) - 1
    bits = {"old": most, "new": 0, "middle": most << MAX_DHASH_BITS}
    for name in ("new", "middle", "old"):
        outcome = TrainingOutcome(ids[name], record("same", data=name, dhash=bits[name]))
        settle_training(db, session_id, [outcome], pack=PACK)
        check_session(db, session_id)
    assert states(db, session_id) == {
        "old": "processed",
        "middle": "processed",
        "new": "duplicate of /photos/old.jpg",
    }


def run_together(work: Sequence[Callable[[], object]]) -> None:
    barrier = threading.Barrier(len(work))
    errors: list[BaseException] = []

    def run(task: Callable[[], object]) -> None:
        barrier.wait()
        try:
            task()
        except BaseException as error:  # The assertion below shows it.
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def commit(engine: Engine, session_id: int, outcomes: list[TrainingOutcome]) -> None:
    with begin(engine) as db:
        settle_training(db, session_id, outcomes, pack=PACK)


def test_duplicates_committed_at_the_same_moment_are_not_both_processed(engine: Engine) -> None:
    workers, groups = 4, 12
    with begin(engine) as db:
        session_id = start_session(db)
        names = [f"{group}-{n}" for group in range(groups) for n in range(workers)]
        photos = [found(name, modified_ns=int(name[-1])) for name in names]
        add_found(db, session_id, photos, pack=PACK)
        ids = ids_of(db, session_id)

    def outcomes(worker: int) -> list[TrainingOutcome]:
        turned = list(range(groups)) if worker % 2 else list(range(groups))[::-1]
        return [
            TrainingOutcome(ids[f"{group}-{worker}"], record(str(group), data=str(worker)))
            for group in turned
        ]

    batches = [outcomes(worker) for worker in range(workers)]
    for part in (slice(0, 6), slice(6, 12)):
        run_together([partial(commit, engine, session_id, batch[part]) for batch in batches])
    with begin(engine) as db:
        check_session(db, session_id)
        counts = count_items_by_state(db, session_id, PhaseName.TRAINING)
        assert counts == PhaseCounts(48, processed=12, skipped=36)
        oldest = [name for name, state in states(db, session_id).items() if state == "processed"]
        assert sorted(oldest) == sorted(f"{group}-0" for group in range(groups))


def test_the_same_batch_committed_twice_at_the_same_moment_counts_once(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
        add_found(db, session_id, [found(str(n)) for n in range(32)], pack=PACK)
        ids = ids_of(db, session_id)
    batch = [TrainingOutcome(ids[str(n)], record(str(n))) for n in range(32)]
    run_together([partial(commit, engine, session_id, b) for b in (batch, batch[::-1], batch)])
    with begin(engine) as db:
        check_session(db, session_id)
        counts = count_items_by_state(db, session_id, PhaseName.TRAINING)
        assert counts == PhaseCounts(32, processed=32)


def test_the_same_faces_committed_twice_at_the_same_moment_are_written_once(
    engine: Engine,
) -> None:
    with begin(engine) as db:
        sessions = [start_session(db), start_session(db)]
        for session_id in sessions:
            add_found(db, session_id, [found(str(n)) for n in range(16)], pack=PACK)
            names = {str(n): str(n) for n in range(16)}
            train(db, session_id, names)
            skip_known(db, session_id)
        ids = ids_of(db, sessions[0], PhaseName.FACE_DETECTION)
    batch = [DetectionOutcome(ids[str(n)], (make_face(n),)) for n in range(16)]

    def detect_all(session_id: int, outcomes: list[DetectionOutcome]) -> None:
        with begin(engine) as db:
            settle_detection(db, session_id, outcomes, pack=PACK, now=NOW)

    run_together([partial(detect_all, s, b) for s in sessions for b in (batch, batch[::-1])])
    with begin(engine) as db:
        assert db.execute(text("SELECT count(*) FROM face")).scalar_one() == 16
        for session_id in sessions:
            check_session(db, session_id)


def test_discovery_and_training_at_the_same_moment_both_count(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = start_session(db)
        add_found(db, session_id, [found(str(n)) for n in range(64)], pack=PACK)
        ids = ids_of(db, session_id)

    def discover(part: int) -> None:
        with begin(engine) as db:
            photos = [found(f"{part}-{n}") for n in range(100)]
            add_found(db, session_id, photos, pack=PACK)

    batches = [[TrainingOutcome(ids[str(n)], record(str(n)))] for n in range(4)]
    run_together(
        [partial(discover, p) for p in range(3)]
        + [partial(commit, engine, session_id, b) for b in batches]
    )
    with begin(engine) as db:
        check_session(db, session_id)
        counts = count_items_by_state(db, session_id, PhaseName.TRAINING)
        assert counts == PhaseCounts(364, processed=4)

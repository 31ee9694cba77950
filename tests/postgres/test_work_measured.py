"""The work of a phase beside its counts: pixels, bytes, workers, and waits for the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import DatabaseUnavailable
from cluster.core.pictures.photos import DetectionOutcome, TrainingOutcome
from cluster.core.sessions import PhaseName
from cluster.store.database.retries import RETRY_INTERVAL_S, RetryPolicy, Waited
from cluster.store.items import training_batches
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import skip_known
from cluster.store.items.new_attempts import restart_session
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import finish_discovery, set_clustering
from tests.library import (
    NOW,
    PACK,
    found,
    ids_of,
    keep_upright,
    make_face,
    record,
    run_session,
    start_session,
)

TRAINING, DETECTION, CLUSTERING = PhaseName
NOTHING = {"pixels": 0, "bytes": 0, "waited_s": 0.0, "workers": 0}


def work_of(db: Session, session_id: int, phase: PhaseName) -> dict[str, Any]:
    query = text(
        "SELECT pixels, bytes, waited_s, workers FROM session_phase"
        " WHERE session_id = :id AND phase = :phase"
    )
    return dict(db.execute(query, {"id": session_id, "phase": phase.value}).mappings().one())


def settle(
    db: Session,
    session_id: int,
    *outcomes: TrainingOutcome,
    workers: int = 1,
    waited_s: float = 0.5,
    attempt: int | None = None,
) -> None:
    training_batches.settle_training(
        db,
        session_id,
        outcomes,
        pack=PACK,
        turn=keep_upright,
        attempt=attempt,
        workers=workers,
        waited_s=lambda: waited_s,
    )


@pytest.fixture
def session_id(db: Session) -> int:
    """A session with three photos to read."""
    started = start_session(db)
    add_found(db, started, [found(name) for name in "abc"], pack=PACK)
    finish_discovery(db, started)
    return started


def read(db: Session, session_id: int, name: str, *, width: int = 400) -> TrainingOutcome:
    file_id = ids_of(db, session_id)[name]
    return TrainingOutcome(file_id, record(name, width=width), read_bytes=1000)


def test_a_batch_adds_the_pixels_and_bytes_of_its_photos_and_how_long_it_waited(
    db: Session, session_id: int
) -> None:
    first = [read(db, session_id, "a"), read(db, session_id, "b", width=800)]
    third = read(db, session_id, "c")
    settle(db, session_id, *first, workers=4)
    settle(db, session_id, third, workers=2, waited_s=0.25)
    assert work_of(db, session_id, TRAINING) == {
        "pixels": 2 * 400 * 300 + 800 * 600,
        "bytes": 3000,
        "waited_s": 0.75,
        "workers": 4,
    }
    check_session(db, session_id)


def test_a_batch_run_twice_adds_its_work_once(db: Session, session_id: int) -> None:
    batch = [read(db, session_id, "a"), TrainingOutcome(ids_of(db, session_id)["b"], failure="bad")]
    settle(db, session_id, *batch)
    before = work_of(db, session_id, TRAINING)
    settle(db, session_id, *batch, workers=9)
    assert work_of(db, session_id, TRAINING) == before


def test_a_late_batch_of_an_earlier_attempt_adds_no_work(db: Session, session_id: int) -> None:
    settle(db, session_id, read(db, session_id, "a"), attempt=7)
    assert work_of(db, session_id, TRAINING) == NOTHING


def test_a_photo_that_was_not_decoded_adds_its_bytes_only(db: Session, session_id: int) -> None:
    settle(db, session_id, read(db, session_id, "a"))
    digest = record("a").sha256
    known = TrainingOutcome(ids_of(db, session_id)["b"], known=digest, read_bytes=500)
    settle(db, session_id, known)
    work = work_of(db, session_id, TRAINING)
    assert (work["pixels"], work["bytes"]) == (400 * 300, 1500)


def test_photos_that_are_skipped_without_being_opened_add_no_work(db: Session) -> None:
    photos = {name: found(name) for name in "ab"}
    run_session(db, photos)
    again = start_session(db)
    add_found(db, again, list(photos.values()), pack=PACK)
    skip_known(db, again)
    assert work_of(db, again, TRAINING) == work_of(db, again, DETECTION) == NOTHING


def test_face_detection_adds_what_it_decoded_and_read(db: Session, session_id: int) -> None:
    settle(db, session_id, read(db, session_id, "a"), read(db, session_id, "b"))
    ids = ids_of(db, session_id, DETECTION)
    outcomes = [
        DetectionOutcome(ids["a"], (make_face(1),), pixels=120_000, read_bytes=0),
        DetectionOutcome(ids["b"], (), pixels=120_000, read_bytes=700),
    ]
    for _ in range(2):
        settle_detection(
            db, session_id, outcomes, pack=PACK, now=NOW, workers=2, waited_s=lambda: 0.5
        )
    work = {"pixels": 240_000, "bytes": 700, "waited_s": 0.5, "workers": 2}
    assert work_of(db, session_id, DETECTION) == work


@pytest.mark.parametrize("failed_only", [True, False])
def test_a_new_attempt_begins_with_no_work(db: Session, session_id: int, failed_only: bool) -> None:
    failed = TrainingOutcome(ids_of(db, session_id)["c"], failure="bad")
    settle(db, session_id, read(db, session_id, "a"), read(db, session_id, "b"), failed)
    set_clustering(db, session_id, current=1, total=2)
    db.execute(
        text(
            "UPDATE session_phase SET status = 'completed', workers = 3, active_s = 5,"
            " waited_s = 1, people_gained = 1, people_lost = 1, people_split = 1"
        )
    )
    db.execute(text("UPDATE training_session SET status = 'completed'"))
    restart_session(db, session_id, TRAINING, failed_only=failed_only, now=NOW)
    for phase in PhaseName:
        assert work_of(db, session_id, phase) == NOTHING
    query = "SELECT active_s, people_gained, people_lost, people_split FROM session_phase"
    left = db.execute(text(f"{query} WHERE phase = 'clustering'")).one()
    assert tuple(left) == (0.0, None, None, None)


@dataclass
class Outage:
    """A database that is unreachable for a while; each transaction takes a tenth of a second."""

    attempts: int
    now: float = 100.0
    told: list[float] = field(default_factory=list)

    def commit(self, waited_s: Waited) -> str:
        self.now += 0.1
        self.told.append(waited_s())
        if self.attempts:
            self.attempts -= 1
            raise DatabaseUnavailable("PostgreSQL at db does not answer.")
        return "done"

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_wait_counts_from_the_first_try_on() -> None:
    outage = Outage(attempts=2)
    retry = RetryPolicy(clock=lambda: outage.now, sleep=outage.sleep)
    assert retry.run_timed(outage.commit) == "done"
    expected = [0.1, 0.2 + RETRY_INTERVAL_S, 0.3 + 2 * RETRY_INTERVAL_S]
    assert outage.told == pytest.approx(expected)

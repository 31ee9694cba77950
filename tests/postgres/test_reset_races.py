"""A phase is restarted while others commit, or restart it too."""

from __future__ import annotations

import threading
from datetime import timedelta

from sqlalchemy import Engine

from cluster.core.errors import IllegalMove
from cluster.core.pictures.photos import TrainingOutcome
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin
from cluster.store.items.new_attempts import restart_session
from cluster.store.sessions.attempts import hold_attempts_open
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import get_snapshots
from tests.library import NOW, PACK, found, ids_of, record, run_session, settle_training
from tests.waiting import PATIENT_S

TRAINING, DETECTION, CLUSTERING = PhaseName
LATER = NOW + timedelta(hours=1)


def test_a_batch_that_commits_while_a_restart_begins_counts_before_it_or_not_at_all(
    engine: Engine,
) -> None:
    with begin(engine) as db:
        session_id = run_session(db, {"a": found("a"), "b": found("b")})
    restarted = threading.Event()

    def restart() -> None:
        with begin(engine) as db:
            restart_session(db, session_id, TRAINING, now=LATER)
        restarted.set()

    thread = threading.Thread(target=restart)
    with begin(engine) as db:
        hold_attempts_open(db, session_id)
        thread.start()
        assert not restarted.wait(0.3), "a restart waits for the batch that is being committed"
    thread.join(timeout=PATIENT_S)
    with begin(engine) as db:
        ids = ids_of(db, session_id)
        late = [TrainingOutcome(image_id, record(name)) for name, image_id in ids.items()]
        assert settle_training(db, session_id, late, pack=PACK, attempt=1).counts.finished == 0
        check_session(db, session_id)


def test_of_two_restarts_at_once_one_wins_and_the_other_is_told(engine: Engine) -> None:
    with begin(engine) as db:
        session_id = run_session(db, {"a": found("a")})
    told: list[Exception | None] = []

    def restart() -> None:
        try:
            with begin(engine) as db:
                restart_session(db, session_id, DETECTION, now=LATER)
            told.append(None)
        except IllegalMove as error:
            told.append(error)

    threads = [threading.Thread(target=restart) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENT_S)
    assert told.count(None) == 1
    assert len(told) == 4
    with begin(engine) as db:
        assert [phase.attempt for phase in get_snapshots(db, session_id)] == [1, 2, 2]
        check_session(db, session_id)

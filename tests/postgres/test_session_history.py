"""The details of old sessions go after a year; the sessions and their counts stay."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import Engine, text

from cluster.core.time_left.timing import Scope
from cluster.store.database.engine import Db, begin
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.session_figures import get_figures
from cluster.store.sessions.session_history import forget_history, measure_speeds
from tests.histories import add_samples, fill_history
from tests.library import NOW, start_session

YEAR = timedelta(days=365)


def add_details(db: Db, session_id: int) -> None:
    add_samples(db, session_id, Scope.TRAINING, (0, 0), (10, 40))
    db.execute(
        text(
            "INSERT INTO notification (session_id, status, channel, delivery_id, created_at)"
            " VALUES (:id, 'completed', 'webhook', :delivery, :now)"
        ),
        {"id": session_id, "delivery": uuid4(), "now": NOW},
    )


def count_details(db: Db) -> dict[int, int]:
    """How many samples and notifications each session has."""
    query = text(
        "SELECT id, (SELECT count(*) FROM session_sample WHERE session_id = t.id)"
        " + (SELECT count(*) FROM notification WHERE session_id = t.id)"
        " FROM training_session t ORDER BY id"
    )
    return {row[0]: row[1] for row in db.execute(query)}


def test_only_the_details_of_sessions_that_ended_before_a_time_are_forgotten(
    engine: Engine,
) -> None:
    history = fill_history(engine)
    with begin(engine) as db:
        unfinished = start_session(db, root="/elsewhere")
        for session_id in (history.first, history.second, unfinished):
            add_details(db, session_id)
        db.execute(
            text("UPDATE training_session SET completed_at = :when WHERE id = :id"),
            {"id": history.first, "when": NOW - YEAR - timedelta(days=1)},
        )
    with begin(engine) as db:
        before = get_figures(db, history.first)
        forget_history(db, before=NOW - YEAR)
        assert count_details(db) == {history.first: 0, history.second: 3, unfinished: 3}
        assert get_figures(db, history.first) == before
        assert not any(measure_speeds(db, history.first).values())
        check_session(db, history.second)


def test_forgetting_twice_forgets_nothing_more(engine: Engine) -> None:
    history = fill_history(engine)
    with begin(engine) as db:
        add_details(db, history.first)
        for _ in range(2):
            forget_history(db, before=NOW)
    with begin(engine) as db:
        assert count_details(db)[history.first] == 3, "the session ended at that time, not before"

"""A user cancels a session and starts it again while its driver is still ending the old attempt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import Engine

from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import Move, PhaseName, SessionStatus
from cluster.pipeline import run as pipeline_run
from cluster.pipeline.phases import ShouldStop
from cluster.pipeline.plan import Plan
from cluster.pipeline.run import run_session
from cluster.pipeline.workers import WorkerPool
from cluster.store.database.engine import begin
from cluster.store.database.retries import RetryPolicy
from cluster.store.items.new_attempts import restart_session
from cluster.store.sessions.phase_rows import finish_discovery
from cluster.store.sessions.session_rows import move_session
from tests.library import NOW, PACK, start_session


@pytest.fixture
def plan(engine: Engine) -> Plan:
    """The parts of a plan that a session without photos needs."""
    with begin(engine) as db:
        session_id = start_session(db)
    pack = SimpleNamespace(name=PACK)
    parts = {"engine": engine, "session_id": session_id, "pack": pack, "retry": RetryPolicy()}
    return cast(Plan, SimpleNamespace(**parts, history_days=365))


class Phase:
    """A phase whose work fails, and which a user may restart while it fails."""

    def __init__(self, *, is_restarted: bool) -> None:
        self.attempts: list[int] = []
        self.is_restarted = is_restarted

    def work(
        self, plan: Plan, pool: WorkerPool, phase: PhaseSnapshot, should_stop: ShouldStop
    ) -> bool:
        self.attempts.append(phase.attempt)
        if len(self.attempts) > 1:
            with begin(plan.engine) as db:
                finish_discovery(db, plan.session_id)
            return True
        if self.is_restarted:
            with begin(plan.engine) as db:
                move_session(db, plan.session_id, Move.CANCEL, now=NOW)
                restart_session(db, session_id=plan.session_id, phase=PhaseName.TRAINING, now=NOW)
        raise OSError("the worker is gone")


def run(plan: Plan, phase: Phase, monkeypatch: pytest.MonkeyPatch) -> SessionStatus:
    work = {name: lambda *given: True for name in PhaseName} | {PhaseName.TRAINING: phase.work}
    monkeypatch.setattr(pipeline_run, "WORK", work)
    monkeypatch.setattr(pipeline_run, "_tell", lambda plan, drop_in_flight=False: None)
    return run_session(plan, cast(WorkerPool, None), is_interrupted=lambda: False)


def test_an_error_of_an_attempt_that_is_over_does_not_fail_the_next(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = Phase(is_restarted=True)
    assert run(plan, phase, monkeypatch) is SessionStatus.PENDING
    assert run(plan, phase, monkeypatch) is SessionStatus.COMPLETED
    assert phase.attempts == [1, 2]


def test_an_error_of_the_attempt_itself_fails_it(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError, match="worker is gone"):
        run(plan, Phase(is_restarted=False), monkeypatch)

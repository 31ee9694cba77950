"""One session from start to end: the order of the phases, and what happens when it is stopped.

`run_session` may be called again for a session that was paused, failed or killed at any moment: it
does what is still pending, and nothing twice. The truth is in PostgreSQL; the live view is told to
read it again whenever a status has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import ray

from cluster.core.errors import PhaseFailed
from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import Move, PhaseName, PhaseStatus, SessionStatus
from cluster.phases import cluster_people, detect_faces, train_photos
from cluster.plan import Plan
from cluster.store.engine import Engine, begin
from cluster.store.phases import complete_phase, fail_phase, get_snapshots, start_phase
from cluster.store.sessions import get_session, move_session
from cluster.workers import Staff

STATUS_INTERVAL_S = 0.5

BEGINNINGS = {SessionStatus.PENDING: Move.START, SessionStatus.RUNNING: Move.TAKE_OVER}
"""How a driver begins with a session of this status; any other is resumed."""


@dataclass(slots=True)
class Control:
    """Tells the pipeline when to stop handing out work.

    `interrupt` is set by a signal; a pause or a cancellation from elsewhere is read from the
    session's row, at most twice a second.
    """

    engine: Engine
    session_id: int
    is_interrupted: Callable[[], bool]
    _read_at: float = float("-inf")
    _status: SessionStatus = SessionStatus.RUNNING

    def should_stop(self) -> bool:
        """Tell whether no new work may start."""
        return self.is_interrupted() or self._read_status() is not SessionStatus.RUNNING

    def _read_status(self) -> SessionStatus:
        if time.monotonic() - self._read_at >= STATUS_INTERVAL_S:
            with begin(self.engine) as db:
                self._status = get_session(db, self.session_id).status
            self._read_at = time.monotonic()
        return self._status


def run_session(plan: Plan, staff: Staff, *, is_interrupted: Callable[[], bool]) -> SessionStatus:
    """Run a session's phases in their order and return the status that it ends with.

    An interruption settles what is in flight and leaves the session paused. Whatever a phase raises
    has been recorded as that phase's failure when it leaves this function.
    """
    control = Control(plan.engine, plan.session_id, is_interrupted)
    _begin(plan)
    for name, work in PHASES:
        if not _run_phase(plan, staff, name, work, control):
            return _stop(plan)
    with begin(plan.engine) as db:
        status = move_session(db, plan.session_id, Move.COMPLETE, now=_now())
    _tell(plan)
    return status


Work = Callable[[Plan, Staff, PhaseSnapshot, Callable[[], bool]], bool]
PHASES: tuple[tuple[PhaseName, Work], ...] = (
    (PhaseName.TRAINING, train_photos),
    (PhaseName.FACE_DETECTION, detect_faces),
    (PhaseName.CLUSTERING, cluster_people),
)


def fail_session(engine: Engine, session_id: int, reason: str) -> None:
    """Record that a session could not go on: its unfinished phase is failed, and so is it."""
    now = _now()
    with begin(engine) as db:
        if get_session(db, session_id).status.is_terminal:
            return
        phases = get_snapshots(db, session_id)
        unfinished = [phase for phase in phases if phase.status is not PhaseStatus.COMPLETED]
        if unfinished:
            fail_phase(db, session_id, unfinished[0].name, error=reason, now=now)
        move_session(db, session_id, Move.FAIL, now=now, error=reason)


def _begin(plan: Plan) -> None:
    with begin(plan.engine) as db:
        status = get_session(db, plan.session_id).status
        move_session(db, plan.session_id, BEGINNINGS.get(status, Move.RESUME), now=_now())
    _tell(plan, drop_in_flight=True)


def _run_phase(plan: Plan, staff: Staff, name: PhaseName, work: Work, control: Control) -> bool:
    phase = _read_phase(plan, name)
    if phase.status is PhaseStatus.COMPLETED:
        return True
    if control.should_stop():
        return False
    with begin(plan.engine) as db:
        start_phase(db, plan.session_id, name, now=_now())
    _tell(plan)
    if not work(plan, staff, phase, control.should_stop):
        return False
    _check_not_all_failed(plan, name)
    with begin(plan.engine) as db:
        complete_phase(db, plan.session_id, name, now=_now())
    _tell(plan)
    return True


def _check_not_all_failed(plan: Plan, name: PhaseName) -> None:
    counts = _read_phase(plan, name).counts
    if counts.total and counts.failed == counts.total:
        raise PhaseFailed(
            f"All {counts.total} photos failed; the list of failures says why each one did."
        )


def _stop(plan: Plan) -> SessionStatus:
    with begin(plan.engine) as db:
        status = get_session(db, plan.session_id).status
        if status is SessionStatus.RUNNING:
            status = move_session(db, plan.session_id, Move.PAUSE, now=_now())
    _tell(plan, drop_in_flight=True)
    return status


def _read_phase(plan: Plan, name: PhaseName) -> PhaseSnapshot:
    with begin(plan.engine) as db:
        return next(s for s in get_snapshots(db, plan.session_id) if s.name is name)


def _tell(plan: Plan, *, drop_in_flight: bool = False) -> None:
    """Let the live view read the rows; wait for it, so that statuses are shown in their order."""
    ray.get(plan.progress.reload.remote(plan.session_id, drop_in_flight=drop_in_flight))


def _now() -> datetime:
    return datetime.now(UTC)

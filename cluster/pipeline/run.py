"""Runs one session: its phases in their order, until it completes or is stopped.

`run_session` may be called again for a session that was paused, failed or killed at any moment. It
processes the pending items, and none twice. PostgreSQL holds the truth; the live view reads it
again whenever a status has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import ray

from cluster.core.errors import PhaseFailed, SessionBusy
from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import Move, PhaseName, PhaseStatus, SessionStatus
from cluster.logs import bind
from cluster.pipeline.phases import cluster_people, detect_faces, train_photos
from cluster.pipeline.plan import Plan, waits_for_database
from cluster.pipeline.workers import WorkerPool
from cluster.store.database.engine import Db, Engine, begin
from cluster.store.sessions.lost_drivers import fail_session
from cluster.store.sessions.notification_rows import add_notifications
from cluster.store.sessions.phase_rows import complete_phase, get_snapshots, start_phase
from cluster.store.sessions.session_history import forget_history
from cluster.store.sessions.session_locks import SessionLock
from cluster.store.sessions.session_rows import get_session, move_session

STATUS_INTERVAL_S = 0.5

BEGINNINGS = {SessionStatus.PENDING: Move.START, SessionStatus.RUNNING: Move.TAKE_OVER}
"""The first move of a driver, by the session's status. Other statuses need no driver."""


@dataclass(slots=True)
class Control:
    """Tells the pipeline when to stop dispatching.

    A signal (`is_interrupted`) pauses the session at once, so that it is paused even if this
    process is killed while it settles. The channels are notified, unless the signal came from the
    user (`is_users`). A pause or a cancellation by a user is read from the session's row, at most
    twice a second.
    """

    plan: Plan
    is_interrupted: Callable[[], bool]
    lock: SessionLock | None
    is_users: Callable[[], bool] = lambda: True
    _read_at: float = float("-inf")
    _status: SessionStatus = SessionStatus.RUNNING

    def poll_stop(self) -> bool:
        """Pause an interrupted session, and tell whether to stop.

        Raises SessionBusy if another process holds the session lock.
        """
        if self.lock is not None:
            self.lock.check()
        if self.is_interrupted() and self._status is SessionStatus.RUNNING:
            self._status = _pause(self.plan, tells=not self.is_users())
            _tell(self.plan)
        elif time.monotonic() - self._read_at >= STATUS_INTERVAL_S:
            self._status = _read_status(self.plan)
            self._read_at = time.monotonic()
        return self._status is not SessionStatus.RUNNING


def run_session(
    plan: Plan,
    pool: WorkerPool,
    *,
    is_interrupted: Callable[[], bool],
    lock: SessionLock | None = None,
    is_users: Callable[[], bool] = lambda: True,
) -> SessionStatus:
    """Run a session's phases in their order and return the status that it ends with.

    A session that a user has stopped since it was claimed is left alone. After an interruption, the
    batches in flight are settled, and the session is paused. If a user resumes a session whose run
    has not ended yet, this run continues. `lock` is released in the transaction that ends the run,
    so every later move of the session knows that it needs another driver. `is_users` tells whether
    the interruption came from the user at the terminal; of any other interruption, the session's
    channels are notified.
    """
    log = bind(__name__, session=plan.session_id)
    if not _begin(plan):
        return _end(plan, lock)
    log.info("session began", pack=plan.pack.name)
    _forget_history(plan)
    while True:
        control = Control(plan, is_interrupted, lock, is_users)
        for name in PhaseName:
            if not _run_phase(plan, pool, name, control):
                break
            log.info("phase completed", phase=name.value)
        status = _end(plan, lock)
        log.info("session stopped", status=status.value)
        if status is not SessionStatus.RUNNING:
            return status


def claim_session(engine: Engine, session_id: int, *, if_waiting: bool = False) -> SessionStatus:
    """Return a session's status: pending or running if the caller must run it.

    With `if_waiting`, a session that was stopped is left alone; otherwise it is resumed. Raises
    IllegalMove if the session is complete.
    """
    with begin(engine) as db:
        status = get_session(db, session_id, for_change=True).status
        if status in BEGINNINGS or if_waiting:
            return status
        return move_session(db, session_id, Move.RESUME, now=_now())


def fail_run(engine: Engine, session_id: int, reason: str, *, lock: SessionLock | None) -> None:
    """Record that a session has failed, and release its lock in the same transaction."""
    with begin(engine) as db:
        fail_session(db, session_id, reason, now=_now())
        if lock is not None:
            lock.release()
    bind(__name__, session=session_id).error("session failed")


Work = Callable[[Plan, WorkerPool, PhaseSnapshot, Callable[[], bool]], bool]
WORK: Mapping[PhaseName, Work] = {
    PhaseName.TRAINING: train_photos,
    PhaseName.FACE_DETECTION: detect_faces,
    PhaseName.CLUSTERING: cluster_people,
}


@waits_for_database
def _begin(plan: Plan) -> bool:
    with begin(plan.engine) as db:
        status = get_session(db, plan.session_id, for_change=True).status
        if status not in BEGINNINGS:
            return False
        move_session(db, plan.session_id, BEGINNINGS[status], now=_now())
    _tell(plan, drop_in_flight=True)
    return True


@waits_for_database
def _forget_history(plan: Plan) -> None:
    with begin(plan.engine) as db:
        forget_history(db, before=_now() - timedelta(days=plan.history_days))


def _run_phase(plan: Plan, pool: WorkerPool, name: PhaseName, control: Control) -> bool:
    """Run the rest of a phase; False if the session must stop."""
    phase = _read_phase(plan, name)
    if phase.status is PhaseStatus.COMPLETED:
        return True
    if control.poll_stop() or not _change_phase(plan, name, start_phase):
        return False
    while True:
        if not _work(plan, pool, phase, control):
            return False
        before, phase = phase, _read_phase(plan, name)
        if not is_any_left(before, phase):
            break
    _check_not_all_failed(plan, name)
    return _change_phase(plan, name, complete_phase)


def _work(plan: Plan, pool: WorkerPool, phase: PhaseSnapshot, control: Control) -> bool:
    """Run the rest of an attempt; False if it must stop, or if a newer attempt has begun.

    An error in an old attempt is only logged, because it must not fail the newer one.
    """
    try:
        return WORK[phase.name](plan, pool, phase, control.poll_stop)
    except SessionBusy:
        raise
    except Exception as error:
        if _read_phase(plan, phase.name).attempt == phase.attempt:
            raise
        log = bind(__name__, session=plan.session_id)
        log.warning("old attempt ended", phase=phase.name.value, reason=str(error))
        return False


def is_any_left(before: PhaseSnapshot, phase: PhaseSnapshot) -> bool:
    """Tell whether photos are pending again.

    A worker leaves photos pending if it sees a short pause of the session that the driver misses.
    """
    counts = phase.counts
    is_progress = counts.finished > before.counts.finished
    return phase.name.counts_photos and is_progress and counts.finished < counts.total


class PhaseChange(Protocol):
    """The type of `start_phase` and `complete_phase`."""

    def __call__(self, db: Db, session_id: int, phase: PhaseName, *, now: datetime) -> None:
        """Start or complete the phase."""
        ...


@waits_for_database
def _change_phase(plan: Plan, name: PhaseName, change: PhaseChange) -> bool:
    """Start or complete a phase of a running session; False if a user has just stopped it."""
    with begin(plan.engine) as db:
        status = get_session(db, plan.session_id, for_change=True).status
        if status is not SessionStatus.RUNNING:
            return False
        change(db, plan.session_id, name, now=_now())
        if _is_complete(db, plan.session_id):
            move_session(db, plan.session_id, Move.COMPLETE, now=_now())
    _tell(plan)
    return True


def _check_not_all_failed(plan: Plan, name: PhaseName) -> None:
    counts = _read_phase(plan, name).counts
    if counts.total and counts.failed == counts.total:
        raise PhaseFailed(
            f"All {counts.total} photos failed; the list of failures has the reason of each."
        )


@waits_for_database
def _end(plan: Plan, lock: SessionLock | None) -> SessionStatus:
    """End a run and return the session's status, which is running if the run must continue."""
    with begin(plan.engine) as db:
        session = get_session(db, plan.session_id, for_change=True)
        status = session.status
        if status is SessionStatus.RUNNING and _is_complete(db, plan.session_id):
            status = move_session(db, plan.session_id, Move.COMPLETE, now=_now())
        if status is not SessionStatus.RUNNING and lock is not None:
            lock.release()
    _tell(plan, drop_in_flight=True)
    return status


def _is_complete(db: Db, session_id: int) -> bool:
    return all(p.status is PhaseStatus.COMPLETED for p in get_snapshots(db, session_id))


@waits_for_database
def _read_status(plan: Plan) -> SessionStatus:
    with begin(plan.engine) as db:
        return get_session(db, plan.session_id).status


@waits_for_database
def _pause(plan: Plan, *, tells: bool) -> SessionStatus:
    """Pause the session if it is running, and return its status; with `tells`, notify its
    channels.
    """
    with begin(plan.engine) as db:
        status = get_session(db, plan.session_id, for_change=True).status
        if status is SessionStatus.RUNNING:
            status = move_session(db, plan.session_id, Move.PAUSE, now=_now())
            if tells:
                add_notifications(db, plan.session_id, status, now=_now())
        return status


@waits_for_database
def _read_phase(plan: Plan, name: PhaseName) -> PhaseSnapshot:
    with begin(plan.engine) as db:
        return next(s for s in get_snapshots(db, plan.session_id) if s.name is name)


@waits_for_database
def _tell(plan: Plan, *, drop_in_flight: bool = False) -> None:
    """Let the live view read the rows, and wait, so that statuses are shown in their order."""
    ray.get(plan.progress.reload.remote(plan.session_id, drop_in_flight=drop_in_flight))


def _now() -> datetime:
    return datetime.now(UTC)

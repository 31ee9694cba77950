"""The states of sessions, phases and items, and the legal moves between them.

The table `LEGAL_MOVES` decides every change of a session's status. Only the pure function
`overall_status` derives a session's status from its phases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from cluster.core.errors import IllegalMove


class SessionStatus(StrEnum):
    """The status of a session. Only a user's move leaves one of the three terminal statuses."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """True if only a user's move can change the status."""
        return self in _TERMINAL


class PhaseStatus(StrEnum):
    """The status of one phase of a session."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_started(self) -> bool:
        """True if the phase has begun; it may have been paused, or have ended or failed."""
        return self is not PhaseStatus.PENDING


class PhaseName(StrEnum):
    """The parts of a session, in their order."""

    TRAINING = "training"
    FACE_DETECTION = "face_detection"
    CLUSTERING = "clustering"

    @property
    def counts_photos(self) -> bool:
        """True if the phase counts photos, each an item with a state; clustering counts faces."""
        return self is not PhaseName.CLUSTERING


PHOTO_PHASES = tuple(phase for phase in PhaseName if phase.counts_photos)
"""The phases that go through the photos of a session, in their order."""


class ItemState(StrEnum):
    """The state of one item in one photo phase."""

    PENDING = "pending"
    PROCESSED = "processed"
    SKIPPED = "skipped"
    FAILED = "failed"


class SkipReason(StrEnum):
    """Why a file was skipped in a phase, as stored in the database."""

    DUPLICATE = "duplicate"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    SAME_PICTURE = "same_picture"
    UNREADABLE = "unreadable"
    COMPANION = "companion"

    @property
    def words(self) -> str:
        """The reason in words. If it ends with a space, a path or a cause follows."""
        return _SKIP_WORDS[self]


_SKIP_WORDS = {
    SkipReason.DUPLICATE: "duplicate of ",
    SkipReason.MOVED: "moved from ",
    SkipReason.UNCHANGED: "unchanged",
    SkipReason.SAME_PICTURE: "the picture is unchanged",
    SkipReason.UNREADABLE: "unchanged, unreadable: ",
    SkipReason.COMPANION: "another file of ",
}


class Move(StrEnum):
    """A change of a session's status that a user or the pipeline may make.

    A driver makes `take_over` when an earlier driver was killed and left the session running.
    """

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RESTART = "restart"
    RETRY = "retry"
    TAKE_OVER = "take_over"
    COMPLETE = "complete"
    FAIL = "fail"

    @property
    def is_users(self) -> bool:
        """True if a user makes this move; the pipeline makes the others."""
        return self in _USERS_MOVES


_USERS_MOVES = frozenset({Move.PAUSE, Move.RESUME, Move.CANCEL, Move.RESTART, Move.RETRY})
_TERMINAL = frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.CANCELLED})

_AGAIN = {Move.RESTART: SessionStatus.PENDING, Move.RETRY: SessionStatus.PENDING}
_RESUMABLE = {Move.RESUME: SessionStatus.RUNNING, **_AGAIN}

LEGAL_MOVES: Mapping[SessionStatus, Mapping[Move, SessionStatus]] = MappingProxyType(
    {
        SessionStatus.PENDING: {
            Move.START: SessionStatus.RUNNING,
            Move.PAUSE: SessionStatus.PAUSED,
            Move.CANCEL: SessionStatus.CANCELLED,
            Move.FAIL: SessionStatus.FAILED,
        },
        SessionStatus.RUNNING: {
            Move.TAKE_OVER: SessionStatus.RUNNING,
            Move.PAUSE: SessionStatus.PAUSED,
            Move.CANCEL: SessionStatus.CANCELLED,
            Move.COMPLETE: SessionStatus.COMPLETED,
            Move.FAIL: SessionStatus.FAILED,
        },
        SessionStatus.PAUSED: {
            Move.RESUME: SessionStatus.RUNNING,
            Move.CANCEL: SessionStatus.CANCELLED,
            Move.FAIL: SessionStatus.FAILED,
        },
        SessionStatus.COMPLETED: _AGAIN,
        SessionStatus.FAILED: _RESUMABLE,
        SessionStatus.CANCELLED: _RESUMABLE,
    }
)


def users_moves(status: SessionStatus, *, has_failed: bool = True) -> tuple[Move, ...]:
    """Return the moves that a user may make in a session with this status, in the order of Move.

    `has_failed` tells whether a photo failed; without one, a completed session cannot be retried.
    """
    moves = tuple(move for move in Move if move.is_users and move in LEGAL_MOVES[status])
    if status is SessionStatus.COMPLETED and not has_failed:
        return tuple(move for move in moves if move is not Move.RETRY)
    return moves


def apply_move(status: SessionStatus, move: Move) -> SessionStatus:
    """Return the status after `move`.

    Raises IllegalMove, naming the moves that a user could make, when the table has no such move.
    """
    moves = LEGAL_MOVES[status]
    if move not in moves:
        raise IllegalMove(status=status, move=move, legal=users_moves(status))
    return moves[move]


def overall_status(phases: Sequence[PhaseStatus]) -> SessionStatus:
    """Derive a session's status from its phases, in the order that ARCHITECTURE.md gives.

    Completed is tested first, so that no client polls a finished session forever. Between two
    phases, a session has started, and is therefore running.
    """
    if phases and all(status is PhaseStatus.COMPLETED for status in phases):
        return SessionStatus.COMPLETED
    for status in (PhaseStatus.FAILED, PhaseStatus.CANCELLED, PhaseStatus.PAUSED):
        if status in phases:
            return SessionStatus(status.value)
    if any(status.has_started for status in phases):
        return SessionStatus.RUNNING
    return SessionStatus.PENDING

"""Statuses and moves. Numbers in brackets: ARCHITECTURE.md, "What must not happen again"."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.errors import IllegalMove
from cluster.core.sessions import (
    LEGAL_MOVES,
    PHOTO_PHASES,
    Move,
    PhaseName,
    PhaseStatus,
    SessionStatus,
    apply_move,
    overall_status,
    users_moves,
)

PENDING, RUNNING = PhaseStatus.PENDING, PhaseStatus.RUNNING
COMPLETED, FAILED = PhaseStatus.COMPLETED, PhaseStatus.FAILED
PAUSED, CANCELLED = PhaseStatus.PAUSED, PhaseStatus.CANCELLED

phase_statuses = st.lists(st.sampled_from(list(PhaseStatus)), min_size=3, max_size=3)


def test_three_completed_phases_complete_a_session() -> None:
    assert overall_status([COMPLETED] * 3) is SessionStatus.COMPLETED


def test_completed_is_asked_before_running() -> None:
    """[7] The page polled forever because `running` was tested first."""
    assert overall_status([COMPLETED] * 3).is_terminal


def test_a_session_between_two_phases_is_running() -> None:
    """[8] The hand-over is running, never pending."""
    assert overall_status([COMPLETED, PENDING, PENDING]) is SessionStatus.RUNNING
    assert overall_status([COMPLETED, COMPLETED, PENDING]) is SessionStatus.RUNNING


def test_a_failed_phase_fails_the_session_even_when_the_others_completed() -> None:
    """[5] Clustering that failed was shown as complete."""
    assert overall_status([COMPLETED, COMPLETED, FAILED]) is SessionStatus.FAILED


@pytest.mark.parametrize("status", [PAUSED, CANCELLED])
def test_paused_and_cancelled_are_shown_as_themselves(status: PhaseStatus) -> None:
    """[14] They were shown as pending."""
    assert overall_status([COMPLETED, status, PENDING]).value == status.value


def test_failed_outranks_cancelled_outranks_paused_outranks_running() -> None:
    assert overall_status([FAILED, CANCELLED, PAUSED]) is SessionStatus.FAILED
    assert overall_status([RUNNING, CANCELLED, PAUSED]) is SessionStatus.CANCELLED
    assert overall_status([RUNNING, PAUSED, PENDING]) is SessionStatus.PAUSED


def test_a_session_in_which_nothing_started_is_pending() -> None:
    assert overall_status([PENDING] * 3) is SessionStatus.PENDING


@given(phase_statuses)
def test_a_session_is_complete_if_and_only_if_every_phase_is(phases: list[PhaseStatus]) -> None:
    is_complete = overall_status(phases) is SessionStatus.COMPLETED
    assert is_complete == all(status is COMPLETED for status in phases)


@given(phase_statuses)
def test_a_session_is_pending_if_and_only_if_no_phase_has_started(
    phases: list[PhaseStatus],
) -> None:
    is_pending = overall_status(phases) is SessionStatus.PENDING
    assert is_pending == (not any(status.has_started for status in phases))


@given(phase_statuses)
def test_the_order_of_the_phases_does_not_change_the_status(phases: list[PhaseStatus]) -> None:
    answers = {overall_status(order) for order in itertools.permutations(phases)}
    assert len(answers) == 1


def test_every_status_says_which_moves_are_legal() -> None:
    assert set(LEGAL_MOVES) == set(SessionStatus)


def test_from_every_status_a_session_can_reach_a_terminal_one() -> None:
    """[13] A session can never be stuck in running."""
    for status in SessionStatus:
        seen = {status}
        border = [status]
        while border:
            reached = {apply_move(here, move) for here in border for move in LEGAL_MOVES[here]}
            border = list(reached - seen)
            seen |= reached
        assert SessionStatus.COMPLETED in seen and SessionStatus.FAILED in seen


@pytest.mark.parametrize("status", [SessionStatus.PAUSED, SessionStatus.FAILED])
def test_a_paused_or_failed_session_can_be_resumed(status: SessionStatus) -> None:
    assert apply_move(status, Move.RESUME) is SessionStatus.RUNNING


def test_a_driver_takes_over_a_session_whose_driver_was_killed() -> None:
    assert apply_move(SessionStatus.RUNNING, Move.TAKE_OVER) is SessionStatus.RUNNING


def test_of_two_users_who_resume_only_the_first_may() -> None:
    resumed = apply_move(SessionStatus.PAUSED, Move.RESUME)
    with pytest.raises(IllegalMove, match="running cannot resume; legal moves: cancel, pause"):
        apply_move(resumed, Move.RESUME)


def test_a_completed_session_cannot_be_paused() -> None:
    with pytest.raises(IllegalMove, match="completed cannot pause"):
        apply_move(SessionStatus.COMPLETED, Move.PAUSE)


@given(st.sampled_from(list(SessionStatus)), st.sampled_from(list(Move)))
def test_an_illegal_move_names_the_legal_ones(status: SessionStatus, move: Move) -> None:
    if move in LEGAL_MOVES[status]:
        assert apply_move(status, move) in SessionStatus
        return
    with pytest.raises(IllegalMove) as caught:
        apply_move(status, move)
    assert set(caught.value.legal) == {m for m in LEGAL_MOVES[status] if m.is_users}
    assert all(legal in str(caught.value) for legal in caught.value.legal)


def test_a_terminal_session_is_left_only_by_a_users_move() -> None:
    for status in SessionStatus:
        if status.is_terminal:
            assert set(users_moves(status)) == set(LEGAL_MOVES[status])


def test_phases_that_count_photos_come_first_and_in_their_order() -> None:
    assert PHOTO_PHASES == (PhaseName.TRAINING, PhaseName.FACE_DETECTION)
    assert [phase for phase in PhaseName if phase.counts_photos] == list(PHOTO_PHASES)
    assert tuple(PhaseName)[: len(PHOTO_PHASES)] == PHOTO_PHASES

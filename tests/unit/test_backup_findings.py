"""What the doctor says of backups."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cluster.core.decisions.backups import BackupKind, BackupPolicy, BackupReason, LastTry
from cluster.store.backups.routine import BackupState, record_try
from jobs.doctor.backups_check import judge_folder, judge_state
from jobs.doctor.checks import Level

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def policy_in(folder: Path) -> BackupPolicy:
    return BackupPolicy(
        folder=folder / "backups",
        record=folder / "last.json",
        kind=BackupKind.DECISIONS,
        every_hours=24,
        keep=14,
    )


def test_a_failed_backup_is_a_problem_until_one_is_made(tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    assert not list(judge_state(policy, None))
    record_try(policy.record, LastTry(NOW, BackupReason.DUE, error="The disk is full."))
    (found,) = judge_state(policy, None)
    assert found.level is Level.PROBLEM
    assert "The disk is full." in found.says
    record_try(policy.record, LastTry(NOW, BackupReason.DUE, file="a.zip"))
    (found,) = judge_state(policy, None)
    assert found.level is Level.OK


def test_a_damaged_record_of_the_last_try_is_no_failure(tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    policy.record.write_text('{"at": 5')
    assert not list(judge_state(policy, None))


def test_what_is_in_no_backup_for_too_long_is_a_warning(tmp_path: Path) -> None:
    state = BackupState(backups=(), last_try=None, is_at_work=False, is_overdue=True)
    (found,) = judge_state(policy_in(tmp_path), state)
    assert found.level is Level.WARNING


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    policy.folder.mkdir()
    (policy.folder / "headcount-20260501T123005Z-decisions.zip").write_bytes(b"PK")
    levels = [found.level for found in judge_folder(policy)]
    assert levels == [Level.NOTE, Level.PROBLEM]

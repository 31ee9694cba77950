"""What the doctor says of the database, its sessions and their messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cluster.core.notices import Channel
from cluster.core.sessions import SessionStatus
from cluster.store.condition import Condition, EmbeddedState
from cluster.store.sessions.notification_rows import NotificationInfo
from cluster.store.sessions.session_rows import SessionInfo
from jobs.doctor.checks import Level
from jobs.doctor.sessions_check import judge_revision, judge_session, judge_unsent, judge_watch
from tests.unit.findings import levels, spoken

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONDITION = Condition(
    version="18.4",
    most_clients=200,
    size_bytes=1,
    pgvector="0.8",
    revision="0004",
    newest_revision="0004",
    clients={},
    rows={},
    names=("Rosa's birthday",),
)


def make_session(
    *, status: SessionStatus, error: str | None = None, job_id: str | None = None
) -> SessionInfo:
    return SessionInfo(
        id=7,
        library_id=1,
        root="/photos/Rosa",
        name="Rosa's birthday",
        pack="bundled",
        status=status,
        options={},
        job_id=job_id,
        error=error,
        census={},
        created_at=NOW,
        started_at=NOW,
        completed_at=None,
    )


@pytest.mark.parametrize(
    ("revision", "level"),
    [
        ("0004", Level.OK),
        ("0003", Level.NOTE),
        (None, Level.NOTE),
        ("0009", Level.PROBLEM),
        ("abc", Level.PROBLEM),
    ],
)
def test_tables_of_a_newer_version_are_a_problem(revision: str | None, level: Level) -> None:
    assert judge_revision(replace(CONDITION, revision=revision)).level is level


def test_a_session_that_nobody_runs_is_to_be_resumed() -> None:
    session = make_session(status=SessionStatus.RUNNING)
    lost = replace(CONDITION, unattended=(7,))
    said = spoken(judge_session(session, lost, shows_paths=False))
    assert "no process runs it" in said
    assert "python -m jobs.train --resume 7" in said
    assert levels(judge_session(session, CONDITION, shows_paths=False)) == [Level.OK]


def test_a_session_that_waits_for_its_job_is_no_trouble() -> None:
    session = make_session(status=SessionStatus.PENDING, job_id="headcount-7")
    lost = replace(CONDITION, unattended=(7,))
    assert levels(judge_session(session, lost, shows_paths=False)) == [Level.OK]


def test_a_session_is_told_without_its_root_and_its_name() -> None:
    session = make_session(status=SessionStatus.FAILED, error="/photos/Rosa/a: gone")
    said = spoken(judge_session(session, CONDITION, shows_paths=False))
    assert "Rosa" not in said
    assert "Rosa's birthday" in spoken(judge_session(session, CONDITION, shows_paths=True))


def test_a_message_that_was_not_sent_is_told_with_its_channel_and_its_reason() -> None:
    message = NotificationInfo(
        session_id=7,
        status=SessionStatus.FAILED,
        channel=Channel("https://hooks.example/T0KEN").name,
        tries=3,
        created_at=NOW,
        sent_at=None,
        next_try_at=None,
        error="it answered 500",
    )
    found = judge_unsent(message)
    assert found.level is Level.WARNING
    assert "webhook:" in found.says
    assert "it answered 500" in found.says
    assert "T0KEN" not in found.says


def test_a_server_whose_watch_is_gone_is_a_warning() -> None:
    assert levels(judge_watch(EmbeddedState(True, True, False))) == [Level.WARNING]
    assert levels(judge_watch(EmbeddedState(True, True, True))) == [Level.OK]
    assert not list(judge_watch(EmbeddedState(True, False, False)))

"""Sessions that end, and fixtures that send and receive the messages about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cluster.core.notices import Channel
from cluster.core.sessions import Move, SessionStatus
from cluster.notifying.channel_options import NotifyOptions
from cluster.notifying.sender import Sender
from cluster.store.database.engine import begin
from cluster.store.sessions.notification_rows import (
    NotificationInfo,
    list_notifications,
    set_channels,
)
from cluster.store.sessions.session_rows import create_session, move_session
from tests.library import NOW, PACK
from tests.receiver import Receiver, receiving

ROOT, NAME = "/photos/Holidays of Ada", "Ada is fifty"
COMPLETED, FAILED = SessionStatus.COMPLETED, SessionStatus.FAILED
Make = Callable[..., Sender]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def sender(engine: Engine, receiver: Receiver, tmp_path: Path) -> Make:
    """Makes a sender to the receiver, with a clock `at` seconds after the end of the sessions."""

    def make(*, at: float = 0.0, url: str | None = None, allows_private: bool = True) -> Sender:
        options = NotifyOptions(
            channels=(Channel(url or receiver.url + "/T0KEN"),),
            secret="key",
            allows_private=allows_private,
            folder=tmp_path / "notify",
            environment={"PATH": os.defpath},
        )
        return Sender(engine, options, now=lambda: NOW + timedelta(seconds=at))

    return make


def running(engine: Engine, *channels: str, name: str = NAME) -> int:
    with begin(engine) as db:
        session = create_session(db, root=ROOT, name=name, pack=PACK, options={}, now=NOW)
        set_channels(db, session.id, channels)
        move_session(db, session.id, Move.START, now=NOW)
        return session.id


def move(engine: Engine, session_id: int, *moves: Move) -> None:
    with begin(engine) as db:
        for one in moves:
            move_session(db, session_id, one, now=NOW)


def ended(engine: Engine, sender: Sender, *, by: Move = Move.FAIL) -> int:
    session_id = running(engine, *sender.options.known())
    move(engine, session_id, by)
    return session_id


def told(engine: Engine, session_id: int) -> list[NotificationInfo]:
    with begin(engine) as db:
        return list_notifications(db, session_id)

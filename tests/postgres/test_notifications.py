"""Each channel gets one message about a session's end, or more after kills, and nobody else any."""

from __future__ import annotations

import hashlib
import hmac
import signal
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cluster.core.notices import (
    DELIVERY_HEADER,
    KNOWN_FOR_S,
    SIGNATURE_HEADER,
    TRIES,
    UNKNOWN_CHANNEL,
    Channel,
)
from cluster.core.sessions import Move
from cluster.notifying.kept_channels import keep_channels, read_channels
from cluster.store.database.engine import begin
from cluster.store.erasing import erase_session
from cluster.store.sessions.lost_drivers import fail_lost_session
from cluster.store.sessions.notification_rows import list_failed_notifications
from cluster.store.sessions.session_rows import move_session
from tests.library import NOW
from tests.postgres.ended_sessions import (
    COMPLETED,
    FAILED,
    Make,
    ended,
    move,
    receiver,
    running,
    sender,
    told,
)
from tests.receiver import Receiver
from tests.waiting import PATIENT_S, wait_until

__all__ = ["receiver", "sender"]  # Fixtures.

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("moves", "statuses"),
    [
        ((Move.COMPLETE,), ["completed"]),
        ((Move.FAIL,), ["failed"]),
        ((Move.CANCEL,), ["cancelled"]),
        ((Move.PAUSE,), []),
        ((Move.FAIL, Move.RESUME, Move.FAIL), ["failed"]),
        ((Move.COMPLETE, Move.RESTART, Move.START, Move.COMPLETE), ["completed"]),
        ((Move.FAIL, Move.RESUME, Move.COMPLETE), ["failed", "completed"]),
    ],
)
def test_each_channel_is_told_once_of_each_status_that_ends_a_session(
    engine: Engine, moves: tuple[Move, ...], statuses: list[str]
) -> None:
    session_id = running(engine, "webhook:one", "mailto:two")
    move(engine, session_id, *moves)
    found = told(engine, session_id)
    for channel in ("webhook:one", "mailto:two"):
        assert [one.status for one in found if one.channel == channel] == statuses


def test_a_session_without_channels_tells_nobody(engine: Engine) -> None:
    session_id = running(engine)
    move(engine, session_id, Move.COMPLETE)
    assert told(engine, session_id) == []


def test_a_status_that_is_taken_back_is_not_told(engine: Engine) -> None:
    session_id = running(engine, "webhook:one")
    with pytest.raises(ZeroDivisionError), begin(engine) as db:
        move_session(db, session_id, Move.COMPLETE, now=NOW)
        raise ZeroDivisionError
    assert told(engine, session_id) == []


def test_the_end_of_a_lost_driver_is_told(engine: Engine) -> None:
    session_id = running(engine, "webhook:one")
    with begin(engine) as db:
        assert fail_lost_session(db, session_id, now=NOW)
    assert [one.status for one in told(engine, session_id)] == [FAILED]


def test_a_message_is_signed_counted_and_names_nothing(
    engine: Engine, sender: Make, receiver: Receiver
) -> None:
    session_id = ended(engine, sender(), by=Move.COMPLETE)
    assert sender().send_one()
    assert not sender().send_one()
    (post,) = receiver.posts
    wanted = hmac.new(b"key", post.body, hashlib.sha256).hexdigest()
    assert post.headers[SIGNATURE_HEADER] == f"sha256={wanted}"
    assert post.json["deliveryId"] == post.headers[DELIVERY_HEADER]
    assert (post.json["sessionId"], post.json["status"]) == (session_id, "completed")
    assert datetime.fromisoformat(post.json["sentAt"]) == NOW
    sent = post.body.decode() + str(post.headers)
    assert not [word for word in ("Ada", "photos/", "Holidays", "fifty") if word in sent]
    (one,) = told(engine, session_id)
    assert (one.tries, one.sent_at, one.next_try_at, one.error) == (1, NOW, None, None)


def test_after_three_tries_the_error_stays_and_no_more_are_made(
    engine: Engine, sender: Make, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    session_id = ended(engine, sender())
    assert sender().send_one()
    assert not sender().send_one(), "it pauses"
    assert sender(at=1).send_one()
    assert not sender(at=2).send_one(), "the next pause is longer"
    assert sender(at=11).send_one()
    assert not sender(at=10_000).send_one()
    assert len({post.headers[DELIVERY_HEADER] for post in receiver.posts}) == 1
    (one,) = told(engine, session_id)
    assert (one.tries, one.sent_at, one.next_try_at) == (TRIES, None, None)
    assert one.error == "it answered 500"
    with begin(engine) as db:
        assert list_failed_notifications(db, limit=5) == [one]


def test_a_receiver_that_recovers_gets_the_message_once(
    engine: Engine, sender: Make, receiver: Receiver
) -> None:
    receiver.statuses = [503, 200]
    session_id = ended(engine, sender())
    assert sender().send_one()
    assert sender(at=1).send_one()
    assert not sender(at=10_000).send_one()
    (one,) = told(engine, session_id)
    assert (one.tries, one.error) == (2, None)
    assert one.sent_at is not None


def test_two_senders_send_a_message_once(engine: Engine, sender: Make, receiver: Receiver) -> None:
    begun, may_end = threading.Event(), threading.Event()
    receiver.before_answer = lambda: (begun.set(), may_end.wait(PATIENT_S))
    ended(engine, sender())
    first = threading.Thread(target=sender().send_one)
    first.start()
    begun.wait(PATIENT_S)
    assert not sender().send_one()
    may_end.set()
    first.join(PATIENT_S)
    assert len(receiver.posts) == 1


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from cluster.core.notices import Channel
from cluster.core.sessions import Move
from cluster.notifying.channel_options import NotifyOptions
from cluster.notifying.sender import Sender
from cluster.store.database.engine import begin, build_engine
from cluster.store.sessions.session_rows import move_session

engine, session_id, url, folder = build_engine(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]
with begin(engine) as db:
    move_session(db, session_id, Move.COMPLETE, now=datetime.now(UTC))
if url == "none":
    os.kill(os.getpid(), signal.SIGKILL)
options = NotifyOptions(
    channels=(Channel(url),), secret=None, allows_private=True, folder=Path(folder),
    environment={"PATH": os.defpath},
)
print(os.getpid(), flush=True)
Sender(engine, options).send_one()
"""


def start_killed(url: str, session_id: int, hook: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, url, str(session_id), hook, str(folder)],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_message_survives_a_kill_before_it_is_sent(
    engine: Engine, database_url: str, sender: Make, receiver: Receiver, tmp_path: Path
) -> None:
    session_id = running(engine, *sender().options.known())
    process = start_killed(database_url, session_id, "none", tmp_path)
    assert process.wait(PATIENT_S) == -signal.SIGKILL
    later = (datetime.now(UTC) - NOW).total_seconds() + 1
    assert sender(at=later).send_one()
    assert [post.json["status"] for post in receiver.posts] == ["completed"]
    assert [one.status for one in told(engine, session_id)] == [COMPLETED]


def test_a_message_whose_sender_is_killed_before_it_is_recorded_is_sent_again_with_its_id(
    engine: Engine, database_url: str, sender: Make, receiver: Receiver, tmp_path: Path
) -> None:
    session_id = running(engine, *sender().options.known())
    process = start_killed(database_url, session_id, receiver.url + "/T0KEN", tmp_path)

    def kill() -> None:
        receiver.before_answer = lambda: None
        process.kill()
        process.wait(PATIENT_S)

    receiver.before_answer = kill
    wait_until(lambda: process.poll() is not None, "the sender is killed")
    later = (datetime.now(UTC) - NOW).total_seconds() + 1
    wait_until(sender(at=later).send_one, "the message can be sent again")
    assert len(receiver.posts) == 2
    assert len({post.headers[DELIVERY_HEADER] for post in receiver.posts}) == 1
    (one,) = told(engine, session_id)
    assert one.sent_at is not None
    assert not sender(at=later + 10_000).send_one()


def test_a_url_of_one_run_is_kept_for_whoever_sends_until_it_is_told(
    engine: Engine, sender: Make, receiver: Receiver
) -> None:
    given = Channel(receiver.url + "/once")
    session_id = running(engine, given.name)
    folder = sender().options.folder
    keep_channels(folder, [given])
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    sender().tidy()
    assert read_channels(folder) == {given.name: given}, "its session has not ended"
    move(engine, session_id, Move.FAIL)
    sender().tidy()
    assert sender().send_one()
    assert [post.path for post in receiver.posts] == ["/once"]
    sender().tidy()
    assert read_channels(folder) == {}


def test_a_message_whose_channel_nobody_knows_is_given_up_after_a_day(
    engine: Engine, sender: Make
) -> None:
    session_id = running(engine, "webhook:gone")
    move(engine, session_id, Move.FAIL)
    assert not sender().send_one()
    sender(at=KNOWN_FOR_S - 1).tidy()
    assert told(engine, session_id)[0].next_try_at is not None
    sender(at=KNOWN_FOR_S + 1).tidy()
    (one,) = told(engine, session_id)
    assert (one.next_try_at, one.error) == (None, UNKNOWN_CHANNEL)


def test_a_run_that_ends_waits_for_its_tries_and_no_longer(
    engine: Engine, sender: Make, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    session_id = ended(engine, sender())
    assert sender().drain(session_id, timeout_s=PATIENT_S, is_cut_off=lambda: bool(receiver.posts))
    assert len(receiver.posts) == 1
    assert sender(at=1).drain(session_id, timeout_s=0, is_cut_off=lambda: False) == 1
    assert len(receiver.posts) == 1
    receiver.statuses = [200]
    assert sender(at=1).drain(session_id, timeout_s=PATIENT_S, is_cut_off=lambda: False) == 0


def test_an_erased_session_tells_nobody(engine: Engine, sender: Make, receiver: Receiver) -> None:
    session_id = ended(engine, sender())
    with begin(engine) as db:
        erase_session(db, session_id)
    assert not sender().send_one()
    assert receiver.posts == []

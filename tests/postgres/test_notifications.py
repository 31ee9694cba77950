"""A session's end is told to each channel once, at least once through kills, and to nobody else."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cluster.core.notices import (
    DELIVERY_HEADER,
    KNOWN_FOR_S,
    PRIVATE_HOST,
    SIGNATURE_HEADER,
    TRIES,
    UNKNOWN_CHANNEL,
    Channel,
)
from cluster.core.sessions import Move, SessionStatus
from cluster.notifying.channel_options import NotifyOptions
from cluster.notifying.kept_channels import keep_channels, read_channels
from cluster.notifying.sender import Sender
from cluster.notifying.webhooks import find_refusal, post_webhook
from cluster.store.database.engine import begin
from cluster.store.erasing import erase_session
from cluster.store.sessions.lost_drivers import fail_lost_session
from cluster.store.sessions.notification_rows import (
    NotificationInfo,
    list_failed_notifications,
    list_notifications,
    set_channels,
)
from cluster.store.sessions.session_rows import create_session, move_session
from tests.library import NOW, PACK
from tests.receiver import Receiver, receiving
from tests.waiting import PATIENT_S, wait_until

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
ROOT, NAME = "/photos/Holidays of Ada", "Ada is fifty"
COMPLETED, FAILED = SessionStatus.COMPLETED, SessionStatus.FAILED

Make = Callable[..., Sender]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def sender(engine: Engine, receiver: Receiver, tmp_path: Path) -> Make:
    """Makes a sender to the receiver; its clock is `at` seconds after the sessions ended."""

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
    assert not sender(at=2).send_one(), "it pauses longer"
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
    wait_until(sender(at=later).send_one, "the message is free again")
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


def test_a_redirect_is_not_followed(engine: Engine, sender: Make, receiver: Receiver) -> None:
    receiver.statuses, receiver.location = [307], receiver.url + "/elsewhere"
    session_id = ended(engine, sender())
    assert sender().send_one()
    assert [post.path for post in receiver.posts] == ["/T0KEN"]
    assert "redirects are not followed" in (told(engine, session_id)[0].error or "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1"])
def test_nothing_is_posted_to_a_private_address_unless_that_is_allowed(
    engine: Engine, sender: Make, receiver: Receiver, host: str
) -> None:
    url = receiver.url.replace("127.0.0.1", host) + "/T0KEN"
    session_id = ended(engine, sender(url=url))
    assert sender(url=url, allows_private=False).send_one()
    (one,) = told(engine, session_id)
    assert one.error == PRIVATE_HOST
    assert receiver.posts == []
    assert sender(url=url, at=1).send_one()
    assert len(receiver.posts) == 1


def resolve_to(*addresses: str) -> Callable[..., list[tuple[object, ...]]]:
    """A resolver whose answer for a name is another one each time."""
    answers = list(addresses)

    def resolve(_host: object, port: int, **_options: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (answers.pop(0), port))]

    return resolve


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(receiver: Receiver) -> None:
    port = receiver.url.rpartition(":")[2]
    url = f"http://rebinding.example:{port}/"
    checked_alone = resolve_to("127.0.0.1")  # A second look-up would fail.
    assert post_webhook(url, b"{}", {}, allows_private=True, resolve=checked_alone) is None
    assert receiver.posts[0].headers["Host"] == f"rebinding.example:{port}"
    for address in ("10.0.0.1", "127.0.0.1", "169.254.169.254"):
        refused = resolve_to(address)
        said = post_webhook(url, b"{}", {}, allows_private=False, resolve=refused)
        assert said == PRIVATE_HOST
        assert find_refusal(url, resolve=resolve_to(address)) == PRIVATE_HOST
    assert find_refusal(url, resolve=resolve_to("8.8.8.8")) is None
    assert len(receiver.posts) == 1


def test_what_apprise_sends_to_reaches_no_private_address_unless_that_is_allowed(
    engine: Engine, sender: Make, receiver: Receiver
) -> None:
    url = receiver.url.replace("http://", "json://") + "/T0KEN"
    session_id = ended(engine, sender(url=url))
    assert sender(url=url, allows_private=False).send_one()
    (one,) = told(engine, session_id)
    assert (one.kind, one.error) == ("json", PRIVATE_HOST)
    assert receiver.posts == []
    assert sender(url=url, at=1).send_one()
    (post,) = receiver.posts
    assert f"Session {session_id} failed" in post.body.decode()
    assert "Ada" not in post.body.decode()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/T0KEN", "json://127.0.0.1:9/T0KEN", "nothing://T0KEN"]
)
def test_a_failure_is_told_without_the_url(engine: Engine, sender: Make, url: str) -> None:
    session_id = ended(engine, sender(url=url))
    assert sender(url=url).send_one()
    (one,) = told(engine, session_id)
    assert one.error
    with begin(engine) as db:
        (stored,) = db.execute(text("SELECT notification::text FROM notification")).scalars()
    assert "T0KEN" not in stored
    assert "127.0.0.1" not in stored

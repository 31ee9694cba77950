"""Whole runs tell their end to a program that listens, and their logs hold no URL."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from cluster.store.server.server_files import ServerFiles
from tests.commit_slots import CommitSlots
from tests.headcount import WITHOUT_PAGE, Headcount
from tests.receiver import Receiver, receiving
from tests.waiting import wait_until

pytestmark = pytest.mark.long

TOKEN = "T0KEN-of-the-receiver"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def photos(demo_library: Path) -> Path:
    """A few photos of several people: what is told does not depend on how many there are."""
    return demo_library / "party"


@pytest.fixture
def run(headcount: Headcount) -> Headcount:
    headcount.extra |= {**WITHOUT_PAGE, "HEADCOUNT_NOTIFY_PRIVATE": "true"}
    return headcount


def hold_commits(run: Headcount) -> CommitSlots | None:
    """Let none of the run's workers commit; None as long as there is no database."""
    try:
        return CommitSlots(ServerFiles.under(run.data_dir).url())
    except psycopg.OperationalError:
        return None


def find_programs(pid: int) -> list[psutil.Process]:
    """A run and all that it has started, but its database server."""
    run = psutil.Process(pid)
    return [run, *(one for one in run.children(recursive=True) if one.name() != "postgres")]


def find_token(folder: Path) -> list[str]:
    """The files below a folder that hold the token of the receiver."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [str(file) for file in files if TOKEN.encode() in file.read_bytes()]


def test_a_run_tells_the_setting_and_the_option_and_leaves_no_url_behind(
    photos: Path, run: Headcount, receiver: Receiver
) -> None:
    run.extra["HEADCOUNT_NOTIFY"] = f"{receiver.url}/setting/{TOKEN}"
    option = f"{receiver.url}/option/{TOKEN}"
    code, output = run.run("--root", str(photos), "--name", "Ada", "--notify", option)
    assert code == 0, output
    paths = sorted(post.path for post in receiver.posts)
    assert paths == [f"/option/{TOKEN}", f"/setting/{TOKEN}"]
    assert len({post.json["deliveryId"] for post in receiver.posts}) == 2
    for post in receiver.posts:
        assert (post.json["status"], post.json["sessionId"]) == ("completed", 1)
        assert post.json["photos"]
        assert post.json["people"]
        assert b"Ada" not in post.body
    assert TOKEN not in output
    assert find_token(run.data_dir) == []
    code, output = run.run("--root", str(photos))
    assert code == 0, output
    assert [post.path for post in receiver.posts[2:]] == [f"/setting/{TOKEN}"]


def test_what_a_killed_run_may_not_have_sent_is_sent_by_the_next_with_the_same_id(
    photos: Path, run: Headcount, receiver: Receiver
) -> None:
    process = run.start("--root", str(photos), "--notify", f"{receiver.url}/{TOKEN}")

    def kill() -> None:
        """Kill whatever could note that the message was sent, before it is answered."""
        receiver.before_answer = lambda: None
        for one in find_programs(process.pid):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()

    receiver.before_answer = kill
    process.communicate()
    first = receiver.posts[0].json
    assert (first["sessionId"], first["status"]) == (1, "completed")
    code, output = run.run("--root", str(photos))
    assert code == 0, output
    assert len(receiver.posts) > 1
    assert {post.json["deliveryId"] for post in receiver.posts} == {first["deliveryId"]}
    assert find_token(run.data_dir) == []
    _, told = run.run("--json", job="doctor")
    assert TOKEN not in told


def test_a_pause_is_told_unless_the_user_made_it(
    photos: Path, run: Headcount, receiver: Receiver
) -> None:
    run.extra["HEADCOUNT_NOTIFY"] = f"{receiver.url}/{TOKEN}"
    for number, code in ((signal.SIGTERM, 3), (signal.SIGINT, 130)):
        process = run.start("--root", str(photos))
        slots = wait_until(partial(hold_commits, run), "there is a database")
        slots.let_through(1, until="training")
        process.send_signal(number)
        slots.free_all()
        output = process.communicate()[0]
        assert process.returncode == code, output
    assert [post.json["status"] for post in receiver.posts] == ["paused"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/T0KEN", "http://localhost/T0KEN", "nope://T0KEN"]
)
def test_a_channel_that_cannot_be_used_ends_the_run_before_its_session(
    photos: Path, run: Headcount, url: str
) -> None:
    run.extra["HEADCOUNT_NOTIFY_PRIVATE"] = "false"
    code, output = run.run("--root", str(photos), "--notify", url)
    assert code == 2, output
    assert "Setting --notify: " in output
    assert "T0KEN" not in output
    assert not run.data_dir.exists()

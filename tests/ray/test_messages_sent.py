"""The ProgressActor sends the messages that no driver sends, and Ray learns no URL."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.core.notices import Channel
from cluster.private_folder import open_private_folder
from cluster.settings import Settings
from cluster.store.database.engine import begin
from cluster.store.sessions.lost_drivers import fail_session
from cluster.store.sessions.notification_rows import list_notifications, set_channels
from tests.receiver import receiving
from tests.sessions import add_session, running
from tests.waiting import wait_until

pytestmark = pytest.mark.long

TOKEN, KEY = "T0KEN-of-the-receiver", "K3Y-of-the-receiver"


def test_a_session_that_nobody_runs_is_told_by_the_progress_actor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        url = f"{receiver.url}/{TOKEN}"
        monkeypatch.setenv("HEADCOUNT_NOTIFY", url)
        monkeypatch.setenv("HEADCOUNT_NOTIFY_SECRET", KEY)
        monkeypatch.setenv("HEADCOUNT_NOTIFY_PRIVATE", "true")
        settings = Settings(
            data_dir=tmp_path / "data", serve_enabled=False, ray_dashboard=False, pack="bundled"
        )
        with running(settings) as runtime:
            session = add_session(runtime, "/photos")
            with begin(runtime.engine) as db:
                set_channels(db, session.id, [Channel(url).name])
            with begin(runtime.engine) as db:
                fail_session(db, session.id, "the job could not start", now=datetime.now(UTC))

            def is_recorded() -> bool:
                with begin(runtime.engine) as db:
                    return all(one.sent_at for one in list_notifications(db, session.id))

            wait_until(is_recorded, "the message is sent")
            assert [post.json["status"] for post in receiver.posts] == ["failed"]
            files = [file for file in open_private_folder().rglob("*") if file.is_file()]
            assert files
            assert not [f for f in files if {TOKEN, KEY} & words_of(f)]


def words_of(file: Path) -> set[str]:
    """Which of the two secrets a file of Ray holds; a file that is gone holds none."""
    try:
        content = file.read_bytes()
    except OSError:
        return set()
    return {word for word in (TOKEN, KEY) if word.encode() in content}

"""The content of a message, its allowed receivers, and when sending is tried again."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from cluster.core.errors import BadSetting
from cluster.core.notices import (
    PRIVATE_HOST,
    SIGNATURE_HEADER,
    TRIES,
    Channel,
    Notice,
    check_channel,
    pause_after,
    post_of,
    say_notice,
)
from cluster.core.sessions import SessionStatus
from cluster.notifying.apprise_channels import redact
from cluster.settings import load_settings, settings_as_environment, settings_as_options
from cluster.store.sessions.notification_rows import NotificationInfo
from jobs.running.announcing import describe_unsent

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET_URL = "https://hooks.example/services/T0KEN"

PRIVATE = (
    *("127.0.0.1", "2130706433", "0177.1", "0x7f.1", "[::1]", "[::ffff:10.0.0.1]", "[fe80::1]"),
    *("localhost", "LOCALHOST", "10.1.2.3:8080", "user:word@192.168.0.1", "169.254.169.254", "0"),
)


def notice(**changes: object) -> Notice:
    values = {
        "id": 1,
        "channel": "webhook:0",
        "delivery_id": uuid4(),
        "session_id": 7,
        "status": SessionStatus.COMPLETED,
        "ended_at": NOW,
        "photos": 2746,
        "failed": 3,
        "people": 40,
    }
    return Notice(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_host_is_refused_in_every_spelling(host: str) -> None:
    assert check_channel(f"http://{host}/hook", allows_private=False) == PRIVATE_HOST
    assert check_channel(f"http://{host}/hook", allows_private=True) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example/x",
        "https://",
        "https:///x",
        "https://a b/",
        "http://a:99999/",
        "http://[::",
    ],
)
def test_what_is_no_url_is_told_without_the_url(url: str) -> None:
    said = check_channel(url, allows_private=True)
    assert said
    assert not url or url not in said


def test_a_url_of_another_scheme_is_left_to_apprise() -> None:
    assert check_channel("mailto://me:word@mail.example", allows_private=False) is None


def test_a_channel_shows_its_kind_and_never_its_url() -> None:
    channel = Channel(SECRET_URL)
    assert channel.name.startswith("webhook:")
    for shown in (channel.name, repr(channel), str([channel])):
        assert "T0KEN" not in shown
        assert "hooks.example" not in shown
    assert Channel("tgram://123:abc/1").kind == "tgram"


def test_a_receiver_with_the_key_can_check_who_sent_the_body() -> None:
    body, headers = post_of(notice(), secret="key", now=NOW)
    wanted = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE_HEADER] == f"sha256={wanted}"
    assert json.loads(body)["sentAt"] == NOW.isoformat()
    assert SIGNATURE_HEADER not in post_of(notice(), secret=None, now=NOW)[1]


def test_a_message_says_numbers_and_names_nothing() -> None:
    body, _ = post_of(notice(), secret=None, now=NOW)
    assert set(json.loads(body)) == {
        *("deliveryId", "sessionId", "status", "sentAt", "startedAt", "endedAt"),
        *("photos", "failed", "people"),
    }
    assert say_notice(notice()) == "Session 7 completed: 2,746 photos, 3 failed, 40 people"
    assert "2,746 photos and films, 3 failed" in say_notice(notice(films=12))


def test_pauses_grow_and_end_after_the_last_try() -> None:
    pauses = [pause_after(tries) for tries in range(1, TRIES + 1)]
    assert pauses[-1] is None
    held = [pause for pause in pauses if pause is not None]
    assert held == sorted(set(held))
    assert len(held) == TRIES - 1


def test_what_apprise_says_loses_every_part_of_the_url() -> None:
    url = "ntfys://me:pass%40word@ntfy.example/topic-1?x=tok_99"
    said = redact("Failed: me@ntfy.example/topic-1, pass@word, tok_99, error=401", url)
    assert "error=401" in said
    assert not [part for part in ("ntfy.example", "topic-1", "word", "tok_99") if part in said]


def test_a_command_says_which_message_was_not_sent_and_why() -> None:
    message = NotificationInfo(
        session_id=7,
        status=SessionStatus.FAILED,
        channel=Channel(SECRET_URL).name,
        tries=1,
        created_at=NOW,
        sent_at=None,
        next_try_at=NOW,
        error="it answered 500",
    )
    said = describe_unsent(message)
    assert said == (
        "A webhook was not told that the session is failed: it answered 500. "
        "The next run tries again."
    )
    assert "No more tries are made." in describe_unsent(replace(message, next_try_at=None))


@pytest.mark.parametrize(
    ("variables", "named", "hidden"),
    [
        ({"NOTIFY": "http://10.0.0.1/T0KEN"}, "notify: its host", "T0KEN"),
        ({"NOTIFY": "no-url-T0KEN"}, "notify: a URL begins", "T0KEN"),
        ({"NOTIFY": SECRET_URL, "NOTIFY_SECRET": ""}, "notify_secret: it is empty", "T0KEN"),
        ({"NOTIFY_PRIVATE": "perhaps"}, "notify_private", "T0KEN"),
    ],
)
def test_a_wrong_channel_is_an_error_that_names_the_setting(
    variables: dict[str, str], named: str, hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"HEADCOUNT_{name}", value)
    with pytest.raises(BadSetting) as raised:
        load_settings()
    assert named in str(raised.value)
    assert hidden not in str(raised.value)


def test_an_error_of_a_list_of_urls_shows_none_of_them() -> None:
    with pytest.raises(BadSetting) as raised:
        load_settings(options={"notify": [SECRET_URL, ["T0KEN"]]})
    assert "T0KEN" not in str(raised.value)


def test_urls_and_key_cross_no_border_between_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADCOUNT_NOTIFY", f"{SECRET_URL} mailto://a:T0KEN@b.example,c")
    settings = load_settings(options={"notify_secret": "T0KEN-key"})
    assert len(settings.notify) == 2
    between = (settings_as_options(settings), settings_as_environment(settings), settings)
    assert not [one for one in between if "T0KEN" in f"{one!r}"]

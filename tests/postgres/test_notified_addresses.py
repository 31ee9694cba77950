"""Messages go to no private address and follow no redirect, and errors contain no URL."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from cluster.core.notices import PRIVATE_HOST
from cluster.notifying.webhooks import find_refusal, post_webhook
from cluster.store.database.engine import begin
from tests.postgres.ended_sessions import Make, ended, receiver, sender, told
from tests.receiver import Receiver

__all__ = ["receiver", "sender"]  # Fixtures.


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
    """A resolver that gives these addresses in turn, one for each call."""
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

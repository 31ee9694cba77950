"""The page tells how a session is doing where it is not in front: in its title and by messages."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from cluster.core.notices import Channel, Notice
from cluster.core.progress import ClusteringResult
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin
from cluster.store.sessions.notification_rows import (
    claim_notification,
    record_try,
    set_channels,
)
from serve.parts import utc_now
from tests.api.running import Worker
from tests.browser.conftest import Open
from tests.browser.watching import Watcher

ASK = "Notify me when it is done"
CHANNEL = Channel("https://hooks.example/T0KEN").name

RESULT = ClusteringResult(2, 6, 1)

RECORD = """
    window.told = [];
    window.Notification = class extends Notification {
      constructor(title, options) { super(title, options); told.push([title, options.body]); }
    };
    """
"""Keeps what the browser is asked to show, and still asks it."""


@pytest.fixture
def open_session(api: httpx.Client, worker: Worker, open_page: Open) -> Callable[..., Page]:
    def open_with(**options: object) -> Page:
        page = open_page(f"{api.base_url}/", **options)
        page.add_init_script(RECORD)
        page.goto(f"{api.base_url}/#/sessions/{worker.session_id}")
        page.reload()
        return page

    return open_with


def work(worker: Worker) -> None:
    worker.find(10)
    worker.end_discovery()


def finish_training(worker: Worker) -> None:
    worker.train_all()
    worker.complete(PhaseName.TRAINING)


def finish_rest(worker: Worker) -> None:
    worker.start(PhaseName.FACE_DETECTION)
    worker.detect(worker.pending(PhaseName.FACE_DETECTION))
    worker.complete(PhaseName.FACE_DETECTION)
    worker.finish_clustering(RESULT)


def finish(worker: Worker) -> None:
    finish_training(worker)
    finish_rest(worker)


def look_elsewhere(page: Page) -> None:
    page.evaluate("document.hasFocus = () => false")


def told(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.evaluate("told")
    return found


def test_the_title_carries_the_percentage_and_then_how_it_ended(
    open_session: Callable[..., Page], worker: Worker
) -> None:
    page = open_session()
    work(worker)
    expect(page).to_have_title("0 % · photos · Headcount")
    finish_training(worker)
    expect(page).to_have_title("30 % · photos · Headcount")
    finish_rest(worker)
    expect(page).to_have_title("done · photos · Headcount")


def test_the_title_of_a_session_that_was_cancelled_says_so(
    open_session: Callable[..., Page], worker: Worker
) -> None:
    page = open_session()
    work(worker)
    page.get_by_role("button", name="Cancel").click()
    expect(page).to_have_title("cancelled · photos · Headcount")


def test_the_browser_tells_once_who_asked_for_it_and_looks_elsewhere(
    open_session: Callable[..., Page], worker: Worker
) -> None:
    page = open_session(permissions=["notifications"])
    work(worker)
    button = page.get_by_role("button", name=ASK)
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(button).to_have_attribute("aria-pressed", "true")
    look_elsewhere(page)
    finish(worker)
    expect(page).to_have_title("done · photos · Headcount")
    expect(button).to_be_hidden()
    assert [title for title, _ in told(page)] == ["Headcount: done"]
    assert told(page)[0][1].startswith("Done: 10 photos")


def test_nobody_is_told_who_looks_at_the_page_or_did_not_ask(
    open_session: Callable[..., Page], worker: Worker
) -> None:
    asked, silent = (open_session(permissions=["notifications"]) for _ in range(2))
    work(worker)
    asked.get_by_role("button", name=ASK).click()
    expect(asked.get_by_role("button", name=ASK)).to_have_attribute("aria-pressed", "true")
    asked.evaluate("document.hasFocus = () => true")
    look_elsewhere(silent)
    finish(worker)
    for page in (asked, silent):
        expect(page).to_have_title("done · photos · Headcount")
        assert told(page) == []


def test_who_changes_the_mind_is_not_told(
    open_session: Callable[..., Page], worker: Worker
) -> None:
    page = open_session(permissions=["notifications"])
    work(worker)
    button = page.get_by_role("button", name=ASK)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    look_elsewhere(page)
    finish(worker)
    expect(page).to_have_title("done · photos · Headcount")
    assert told(page) == []


def test_a_browser_that_refuses_is_answered_in_words(
    open_session: Callable[..., Page], worker: Worker
) -> None:
    page = open_session()
    page.evaluate("Notification.requestPermission = async () => 'denied'")
    work(worker)
    button = page.get_by_role("button", name=ASK)
    button.click()
    expect(page.get_by_text("The browser blocks notifications")).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "false")


def test_what_became_of_the_messages_of_the_server_stands_on_the_page(
    open_session: Callable[..., Page], worker: Worker, engine: Engine, watcher: Watcher
) -> None:
    with begin(engine) as db:
        set_channels(db, worker.session_id, [CHANNEL])
    page = open_session()
    work(worker)
    finish(worker)
    messages = page.get_by_role("list", name="Messages")
    expect(messages).to_contain_text("A webhook is being told that the session is completed.")

    def record(error: str | None) -> Notice:
        with begin(engine) as db:
            notice = claim_notification(db, [CHANNEL], now=utc_now())
            assert notice is not None
            record_try(db, notice, error=error, now=utc_now())
            return notice

    record("it answered 500")
    expect(messages).to_contain_text("it answered 500 (1 try). Another try follows.")
    assert "T0KEN" not in page.content()

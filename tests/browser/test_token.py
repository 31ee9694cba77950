"""A server that asks for its token: the printed link opens it, and the page says what to do."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Locator, Page, Request, expect
from sqlalchemy import Engine

from cluster.actors.progress_actor import Progress
from serve.app import AppParts, build_app
from serve.links import page_link
from tests.api.conftest import Start
from tests.api.running import RunningApp, Worker
from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.watching import Watcher

TOKEN = "corréct 100%/horse&#+日😀"

HELD_BACK = (
    """() => [document.cookie, JSON.stringify(localStorage), location.href, document.referrer]"""
)


@pytest.fixture
def guarded_app(parts: AppParts) -> RunningApp:
    return RunningApp(build_app(replace(parts, api_token=TOKEN)))


@pytest.fixture
def guarded(start: Start, guarded_app: RunningApp) -> httpx.Client:
    return start(guarded_app)


@pytest.fixture
def running_session(
    engine: Engine, guarded_app: RunningApp, progress: Progress, guarded: httpx.Client
) -> Worker:
    """A session that runs, so that the page has reasons to ask again."""
    worker = Worker(engine, guarded_app, progress)
    worker.create_session()
    worker.find(5)
    return worker


def address(guarded: httpx.Client, path: str = "") -> str:
    return str(guarded.base_url).rstrip("/") + path


def sees(page: Page, name: str = "Who is in your photos?") -> None:
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def last_session(page: Page) -> Locator:
    """The link to the last session of the only library."""
    return page.locator("li.library dd").get_by_role("link")


def is_asked(page: Page) -> None:
    sees(page, "This server requires its token")


def give(page: Page, token: str) -> None:
    page.get_by_label("API token").fill(token)
    page.keyboard.press("Enter")


def test_the_printed_link_simply_works_and_leaves_the_token_nowhere(
    guarded: httpx.Client, running_session: Worker, open_page: Open, watcher: Watcher
) -> None:
    page = open_page("about:blank")
    watcher.hosts.add(guarded.base_url.netloc.decode())
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    page.goto(page_link(address(guarded), TOKEN))
    sees(page)
    assert page.url == address(guarded, "/")
    last_session(page).click()
    expect(page.locator(".sentence")).to_contain_text("5 files found so far")
    running_session.find(5, first=6)
    expect(page.locator(".sentence")).to_contain_text("10 files found so far")
    page.reload()
    expect(page.locator(".sentence")).to_contain_text("10 files found so far")

    told = [[request.url, request.headers.get("referer")] for request in sent]
    assert len(told) > 10
    assert not [one for one in told if "horse" in str(one) or "token=" in one[0]]
    assert "horse" not in str(page.evaluate(HELD_BACK))
    page.go_back()
    sees(page)
    page.go_back()
    assert page.url == "about:blank", "the address with the token is not in the tab's history"


def test_without_its_token_the_page_says_what_to_do_and_asks_for_nothing(
    guarded: httpx.Client, running_session: Worker, open_page: Open, watcher: Watcher
) -> None:
    watcher.expect("401")
    page = open_page(address(guarded, f"/#/sessions/{running_session.session_id}"))
    is_asked(page)
    for words in ("Open the link that Headcount printed", "api_token", "HEADCOUNT_API_TOKEN"):
        expect(page.locator("#main")).to_contain_text(words)
    expect(page.get_by_label("API token")).to_be_focused()
    expect(page.get_by_role("button", name="Forget the token")).to_be_hidden()
    check_access(page)
    watcher.wait_for_silence(page)

    give(page, TOKEN)
    expect(page.locator(".sentence")).to_contain_text("5 files found so far")
    expect(page.get_by_role("button", name="Forget the token")).to_be_visible()


def test_a_wrong_token_is_named_as_such(
    guarded: httpx.Client, open_page: Open, watcher: Watcher
) -> None:
    watcher.expect("401")
    page = open_page(page_link(address(guarded), "wrong"))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The server did not accept this token")
    check_access(page)
    give(page, "wrong again")
    expect(alert).to_contain_text("The server did not accept this token")
    expect(page.get_by_label("API token")).to_have_value("")
    give(page, page_link(address(guarded), TOKEN))
    sees(page)


def test_a_link_that_is_pasted_into_an_open_tab_works(
    guarded: httpx.Client, open_page: Open, watcher: Watcher
) -> None:
    watcher.expect("401")
    page = open_page(address(guarded, "/#/people"))
    is_asked(page)
    page.goto(page_link(address(guarded), TOKEN))
    sees(page)
    assert page.url == address(guarded, "/")


def test_a_link_of_the_page_opens_in_a_new_tab_without_being_asked(
    guarded: httpx.Client, running_session: Worker, open_page: Open, watcher: Watcher
) -> None:
    watcher.expect("401")
    page = open_page(page_link(address(guarded), TOKEN))
    with page.context.expect_page() as opened:
        last_session(page).click(modifiers=["Control"])
    expect(opened.value.locator(".sentence")).to_contain_text("5 files found so far")
    opened.value.get_by_role("link", name="People").click()
    sees(opened.value, "People")

    page.get_by_role("button", name="Forget the token").click()
    is_asked(page)
    is_asked(opened.value)


def test_a_token_that_is_taken_back_ends_what_the_page_was_asking(
    guarded: httpx.Client, running_session: Worker, open_page: Open, watcher: Watcher
) -> None:
    watcher.expect("401")
    page = open_page(page_link(address(guarded), TOKEN))
    sees(page)
    page.route("**/api/**", lambda route: route.fulfill(status=401, body="{}"))
    is_asked(page)
    watcher.wait_for_silence(page)


def test_the_page_of_the_api_says_how_to_send_the_token_and_takes_it_from_a_link(
    guarded: httpx.Client, open_page: Open
) -> None:
    page = open_page(address(guarded, "/docs"))
    sees(page, "The API")
    expect(page.locator("#main")).to_contain_text("Authorization: Bearer TOKEN")
    check_access(page, within="#main p.quiet")  # The whole page: tests/browser/test_people.py.
    page.goto("about:blank")
    page.goto(page_link(address(guarded, "/docs"), TOKEN))
    sees(page, "The API")
    assert page.url == address(guarded, "/docs")
    page.get_by_role("link", name="Sessions", exact=True).click()
    sees(page)


def test_without_a_token_nothing_is_said_of_one(api: httpx.Client, open_page: Open) -> None:
    page = open_page(f"{str(api.base_url).rstrip('/')}/docs")
    sees(page, "The API")
    expect(page.locator("#main")).not_to_contain_text("Bearer TOKEN")
    page.get_by_role("link", name="Sessions", exact=True).click()
    sees(page)
    expect(page.get_by_role("button", name="Forget the token")).to_be_hidden()

"""The libraries on the start page: what each holds, and what becomes of photos that are gone."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine

from cluster.core.sessions import Move
from cluster.store.database.engine import begin
from cluster.store.sessions.session_rows import move_session
from tests.api.conftest import FakeCluster
from tests.api.test_library_routes import find_photos, look_again
from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.watching import Watcher
from tests.library import NOW, run_session

PHONE = {"width": 390, "height": 800}


@pytest.fixture
def photos(library: Path, engine: Engine) -> Path:
    """A library of five photos, which a session has looked through."""
    for number in range(4):
        (library / f"{number}.jpg").write_bytes(b"\xff\xd8\xff")
    with begin(engine) as db:
        run_session(db, find_photos(library), root=str(library))
    return library


def lose(engine: Engine, photos: Path, *names: str) -> int:
    """Let these photos go, and a session notice it."""
    for name in names:
        (photos / name).unlink()
    session_id = look_again(engine, photos)
    with begin(engine) as db:
        move_session(db, session_id, Move.CANCEL, now=NOW)
    return session_id


def card(page: Page) -> Locator:
    return page.locator("li.library")


def figure(page: Page, title: str) -> Locator:
    part = card(page).locator("dl > div", has=page.get_by_text(title, exact=True))
    return part.locator("dd")


def test_without_a_library_the_page_says_so(api: httpx.Client, open_page: Open) -> None:
    page = open_page(f"{api.base_url}/")
    expect(page.get_by_text("None yet.")).to_be_visible()


def test_a_library_shows_what_it_holds_and_its_history_is_folded_below_it(
    api: httpx.Client, open_page: Open, photos: Path
) -> None:
    page = open_page(f"{api.base_url}/")
    expect(card(page).get_by_role("heading", name=photos.name)).to_be_visible()
    expect(figure(page, "Photos")).to_have_text("5")
    expect(figure(page, "Missing")).to_be_hidden()
    session = card(page).locator("table.sessions a[href='#/sessions/1']")
    expect(session).to_be_hidden()
    card(page).get_by_text("1 session", exact=True).click()
    session.click()
    expect(page.locator(".overview .chip")).to_have_text("Completed")


def test_a_library_is_looked_at_again_by_keyboard(
    api: httpx.Client, open_page: Open, photos: Path, jobs: FakeCluster
) -> None:
    page = open_page(f"{api.base_url}/")
    page.get_by_role("button", name="Look again").press("Enter")
    expect(page.locator(".overview .chip")).to_have_text("Waiting")
    assert [session.root for session in jobs.submitted] == [str(photos)]
    page.locator(".crumbs a").click()
    expect(card(page).locator("header .chip")).to_have_text("Waiting")
    expect(page.get_by_role("button", name="Look again")).to_be_hidden()


def test_missing_photos_are_forgotten_after_a_question(
    api: httpx.Client, open_page: Open, engine: Engine, photos: Path
) -> None:
    lose(engine, photos, "0.jpg")
    page = open_page(f"{api.base_url}/")
    expect(figure(page, "Missing")).to_have_text("1")
    forget = page.get_by_role("button", name="Forget missing photos")
    forget.click()
    check_access(page)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(figure(page, "Missing")).to_have_text("1")
    forget.click()
    page.get_by_role("button", name="Forget for good").click()
    expect(page.locator("#notice")).to_have_text("Forgotten: 1 photo, 1 face, 0 people.")
    expect(forget).to_be_hidden()
    expect(page.get_by_role("button", name="Look again")).to_be_focused()


def test_when_most_photos_are_gone_the_disk_is_asked_for_first(
    api: httpx.Client, open_page: Open, engine: Engine, photos: Path
) -> None:
    session_id = lose(engine, photos, "0.jpg", "1.jpg", "2.jpg")
    page = open_page(f"{api.base_url}/#/sessions/{session_id}")
    expect(page.locator(".overview .doubt")).to_contain_text("3 of 5 known photos are not there")
    expect(page.locator(".census")).to_contain_text("Passed over: 5 raw photos, 1 film")
    check_access(page)
    page.locator(".crumbs a").click()
    expect(card(page).locator(".doubt")).to_contain_text("is the disk mounted?")
    expect(figure(page, "Photos")).to_have_text("5")
    check_access(page)
    page.get_by_role("button", name="They are gone").click()
    expect(figure(page, "Missing")).to_have_text("3")
    expect(figure(page, "Photos")).to_have_text("2")
    expect(card(page).locator(".doubt")).to_be_hidden()


def test_a_root_that_is_away_can_be_said_to_be_gone(
    api: httpx.Client, open_page: Open, photos: Path, watcher: Watcher
) -> None:
    watcher.expect("422")
    photos.rename(photos.with_name("away"))
    page = open_page(f"{api.base_url}/")
    page.get_by_role("button", name="Look again").click()
    expect(card(page).get_by_role("alert")).to_contain_text("5 known photos are not there")
    page.get_by_role("button", name="They are gone").click()
    expect(figure(page, "Missing")).to_have_text("5")


def test_on_a_phone_nothing_of_a_library_is_cut_off(
    api: httpx.Client, open_page: Open, engine: Engine, photos: Path
) -> None:
    lose(engine, photos, "0.jpg", "1.jpg", "2.jpg")
    page = open_page(f"{api.base_url}/")
    page.set_viewport_size(PHONE)
    card(page).locator("summary").last.click()
    expect(card(page).locator("table.sessions a").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check_access(page)

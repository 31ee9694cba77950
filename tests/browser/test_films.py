"""Films on the page: marked in lists, and played from the moment at which somebody is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from serve.app import build_app
from serve.parts import AppParts
from tests.api.conftest import Start
from tests.api.running import RunningApp
from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.watching import Watcher
from tests.films import make_film
from tests.films_in_tables import FilmInTables, add_film
from tests.waiting import wait_until

TOKEN = "correct-horse"
PHONE = {"width": 390, "height": 800}
PLAYED = "video => !video.paused || video.ended || video.currentTime > 2.5"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_film(tmp_path / "birthday.webm", [50 + n for n in range(64)])


@pytest.fixture
def film(engine: Engine, path: Path) -> FilmInTables:
    """A film of six seconds in which a person is seen at 2.5 seconds, and a photo of the person."""
    return add_film(engine, path, duration_s=6.4, time_s=2.5)


def test_a_film_is_marked_and_plays_from_the_moment_at_which_a_face_is_seen(
    api: httpx.Client, open_page: Open, film: FilmInTables
) -> None:
    page = open_page(f"{api.base_url}/#/people/{film.person_id}")
    mark = page.locator(".film-mark")
    expect(mark).to_have_count(1)
    expect(mark).to_have_text("▶ 0:02")
    page.get_by_role("button", name="birthday.webm: enlarge, a film of 0:06, at 0:02").click()
    video = page.locator("dialog video")
    expect(video).to_be_visible()
    wait_for(page, "document.querySelector('dialog video').readyState >= 1")
    assert abs(video.evaluate("video => video.currentTime") - 2.5) < 0.2
    check_access(page, within="dialog")
    time = page.get_by_role("list", name="Times at which people appear").get_by_role("button")
    expect(time).to_have_text(f"0:02 person {film.person_id}")
    video.evaluate("video => { video.currentTime = 0; }")
    time.focus()
    page.keyboard.press("Enter")
    wait_for(page, f"({PLAYED})(document.querySelector('dialog video'))")
    assert video.evaluate("video => video.currentTime") >= 2.4
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_a_film_in_a_list_of_photos_shows_its_length_and_plays_on_a_phone(
    api: httpx.Client, open_page: Open, film: FilmInTables
) -> None:
    page = open_page(f"{api.base_url}/#/photos?people={film.person_id}")
    page.set_viewport_size(PHONE)
    expect(page.locator(".film-mark")).to_have_text("▶ 0:06")
    page.locator("ul.photos button", has_text="0:06").click()
    video = page.locator("dialog video")
    expect(video).to_be_visible()
    wait_for(page, "document.querySelector('dialog video').readyState >= 1")
    assert video.evaluate("video => video.currentTime") == 0
    width = page.evaluate("document.querySelector('dialog').scrollWidth")
    assert width <= PHONE["width"]
    check_access(page, within="dialog")


def test_with_a_token_the_film_plays_too(
    parts: AppParts, start: Start, open_page: Open, film: FilmInTables
) -> None:
    server = start(RunningApp(build_app(replace(parts, api_token=TOKEN))))
    page = open_page(f"{server.base_url}/#token={TOKEN}")
    page.goto(f"{server.base_url}/#/people/{film.person_id}")
    page.get_by_role("button", name="birthday.webm").click()
    expect(page.locator("dialog video")).to_be_visible()
    wait_for(page, "document.querySelector('dialog video').readyState >= 2")
    assert TOKEN not in (page.locator("dialog video").get_attribute("src") or "")


def test_a_film_that_the_browser_cannot_play_is_shown_by_a_picture_that_says_so(
    api: httpx.Client, engine: Engine, open_page: Open, tmp_path: Path, watcher: Watcher
) -> None:
    watcher.expect("DEMUXER_ERROR|MEDIA_ELEMENT_ERROR|Format error")
    path = make_film(tmp_path / "old.avi", [50 + n for n in range(64)])
    film = add_film(engine, path, duration_s=6.4, time_s=2.5)
    page = open_page(f"{api.base_url}/#/people/{film.person_id}")
    page.get_by_role("button", name="old.avi").click()
    said = "This browser cannot play the film, or its file is gone or has changed."
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    expect(page.locator("dialog video")).to_have_count(0)
    expect(page.get_by_role("img", name="A picture of the film old.avi")).to_be_visible()
    check_access(page, within="dialog")


def test_a_film_whose_file_is_gone_says_so(
    api: httpx.Client, open_page: Open, film: FilmInTables, path: Path, watcher: Watcher
) -> None:
    watcher.expect("404")
    path.unlink()
    page = open_page(f"{api.base_url}/#/people/{film.person_id}")
    page.get_by_role("button", name="birthday.webm").click()
    expect(page.get_by_text("or its file is gone or has changed.")).to_be_visible()


def wait_for(page: Page, condition: str) -> None:
    """Wait for a condition; the page's own policy forbids the browser's way to wait for a text."""
    wait_until(lambda: bool(page.evaluate(condition)), condition)

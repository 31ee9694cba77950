"""Looking at a folder before a session is started: the button, what it says, and by which means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine

from cluster.core.time_left.dry_times import TimedPhoto, TimedPhotos
from cluster.store.database.engine import begin
from serve.app import build_app
from serve.parts import AppParts, PackChoice
from tests.api.conftest import FakeCluster, Start
from tests.api.running import RunningApp
from tests.api.test_preview_routes import find_photos
from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.watching import Watcher
from tests.library import run_session

PHONE = {"width": 390, "height": 800}


async def time_photos(paths: Sequence[str], pack: PackChoice) -> TimedPhotos:
    photo = TimedPhoto(
        size_bytes=100_000,
        pixels=1_000_000,
        read_s=1.0,
        waited_s=0.0,
        search_s=2.0,
        search_wall_s=2.0,
        faces=1,
    )
    return TimedPhotos((photo,) * len(paths), warm_up_s=1.0, cpus=2, detectors=2)


@pytest.fixture
def photos(library: Path) -> Path:
    """A library of 200 photos and a film."""
    for number in range(199):
        (library / f"{number}.jpg").write_bytes(b"\xff\xd8\xff" + bytes(number))
    (library / "film.wmv").write_bytes(b"film")
    return library


@pytest.fixture
def timed(start: Start, parts: AppParts) -> httpx.Client:
    """A client of an application in whose cluster photos are timed."""
    return start(RunningApp(build_app(replace(parts, time_photos=time_photos))))


def found(page: Page) -> Locator:
    return page.locator(".looked")


def look(page: Page, root: Path | str) -> None:
    page.get_by_label("Folder").fill(str(root))
    page.get_by_role("button", name="Look first").click()


def test_a_look_says_what_is_there_and_starts_nothing(
    timed: httpx.Client, open_page: Open, photos: Path, jobs: FakeCluster
) -> None:
    page = open_page(f"{timed.base_url}/")
    look(page, photos)
    expect(found(page)).to_contain_text("200 photos: 200 new.")
    expect(found(page)).to_contain_text("Passed over: 1 film.")
    expect(found(page)).to_contain_text(re.compile(r"It will take \d+ to \d+ minutes\.$"))
    check_access(page)
    assert jobs.submitted == []
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".overview .chip")).to_have_text("Waiting")
    assert [session.root for session in jobs.submitted] == [str(photos)]


def test_a_look_needs_no_mouse(timed: httpx.Client, open_page: Open, photos: Path) -> None:
    page = open_page(f"{timed.base_url}/")
    page.get_by_label("Folder").focus()
    page.keyboard.type(str(photos))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Look first")).to_be_focused()
    page.keyboard.press("Enter")
    expect(found(page)).to_contain_text("200 photos")
    expect(page.get_by_role("status").filter(has_text="200 photos")).to_be_visible()


def test_an_answer_goes_when_another_folder_is_named(
    timed: httpx.Client, open_page: Open, photos: Path
) -> None:
    page = open_page(f"{timed.base_url}/")
    look(page, photos)
    expect(found(page)).to_contain_text("200 photos")
    page.get_by_label("Folder").fill(f"{photos}/other")
    expect(found(page)).to_be_hidden()


def test_what_is_wrong_with_a_folder_is_said_beside_it(
    timed: httpx.Client, open_page: Open, photos: Path, watcher: Watcher
) -> None:
    watcher.expect("422")
    page = open_page(f"{timed.base_url}/")
    look(page, photos / "nowhere")
    expect(page.get_by_role("alert")).to_contain_text("there is no such folder")
    expect(found(page)).to_be_hidden()
    expect(page.get_by_label("Folder")).to_be_focused()
    look(page, photos)
    expect(found(page)).to_contain_text("200 photos")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_without_a_folder_nothing_is_asked(
    timed: httpx.Client, open_page: Open, watcher: Watcher
) -> None:
    page = open_page(f"{timed.base_url}/")
    page.get_by_role("button", name="Look first").click()
    expect(page.get_by_label("Folder")).to_be_focused()
    assert not [path for path in watcher.api_requests() if path.endswith("/preview")]


def test_when_most_photos_are_away_the_disk_is_asked_for(
    timed: httpx.Client, open_page: Open, engine: Engine, photos: Path
) -> None:
    with begin(engine) as db:
        run_session(db, find_photos(photos), root=str(photos))
    for number in range(150):
        (photos / f"{number}.jpg").unlink()
    page = open_page(f"{timed.base_url}/")
    look(page, photos)
    expect(found(page).locator(".doubt")).to_contain_text("150 of 200 known photos are not there")
    check_access(page)


def test_on_a_phone_nothing_of_a_look_is_cut_off(
    timed: httpx.Client, open_page: Open, photos: Path
) -> None:
    page = open_page(f"{timed.base_url}/")
    page.set_viewport_size(PHONE)
    look(page, photos)
    expect(found(page)).to_contain_text("200 photos")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check_access(page)

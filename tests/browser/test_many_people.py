"""Thousands of people, and pictures that need a token: what the page asks for, and when."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from serve.app import AppParts, build_app
from serve.links import page_link
from tests.api.conftest import Start
from tests.api.running import RunningApp
from tests.browser.conftest import Open
from tests.browser.watching import Watcher

PEOPLE = 5_000
TOKEN = "correct-horse"
DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def person(number: int) -> dict[str, object]:
    return {
        "personId": number,
        "name": None if number % 3 else f"Person {number}",
        "isHidden": False,
        "version": 1,
        "faceCount": 9,
        "photoCount": PEOPLE - number,
        "coverFaceId": number,
        "coverUrl": f"/api/v1/faces/{number}/crop?v=1",
        "pack": "bundled",
    }


def answer_people(route: Route) -> None:
    query = parse_qs(urlsplit(route.request.url).query)
    offset, limit = int(query.get("offset", ["0"])[0]), int(query["limit"][0])
    page = [person(number) for number in range(offset + 1, min(offset + limit, PEOPLE) + 1)]
    after = offset + limit if offset + limit < PEOPLE else None
    answer = {
        "people": page,
        "total": PEOPLE,
        "nextOffset": after,
        "ungroupedFaces": 7,
        "setAsideFaces": 0,
    }
    route.fulfill(json=answer | {"pack": "bundled"})


def fake_people(page: Page) -> None:
    """Let the page meet thousands of people that no database has."""
    page.route("**/api/v1/people?*", answer_people)
    page.route("**/api/v1/people/changes/last*", lambda route: route.fulfill(json=None))
    page.route("**/api/v1/faces/*/crop*", answer_picture)


def answer_picture(route: Route) -> None:
    route.fulfill(body=DOT, content_type="image/gif", headers={"Cache-Control": "max-age=60"})


@pytest.fixture
def guarded(start: Start, parts: AppParts) -> httpx.Client:
    return start(RunningApp(build_app(replace(parts, api_token=TOKEN))))


def test_thousands_of_people_come_page_by_page_and_only_seen_faces_are_asked_for(
    api: httpx.Client, open_page: Open, watcher: Watcher
) -> None:
    page = open_page(str(api.base_url))
    fake_people(page)
    page.goto(f"{api.base_url}/#/people")
    tiles = page.locator("ul.people > li")
    expect(page.get_by_text("5,000 people")).to_be_visible()
    expect(tiles.nth(59)).to_be_attached()
    page.wait_for_load_state("networkidle")
    at_first = tiles.count()
    assert at_first <= 180
    assert sum("/crop" in url for url in watcher.requests) <= at_first
    for _ in range(10):
        page.mouse.wheel(0, 3_000)
        page.wait_for_timeout(60)
    expect(tiles.nth(at_first)).to_be_attached()
    asked = [parse_qs(urlsplit(url).query) for url in watcher.requests if "/people?" in url]
    assert {query["limit"][0] for query in asked} == {"60"}
    assert len(asked) <= math.ceil(tiles.count() / 60) + 1


def test_on_a_server_with_a_token_pictures_are_fetched_with_it(
    guarded: httpx.Client, open_page: Open
) -> None:
    page = open_page(page_link(str(guarded.base_url).rstrip("/"), TOKEN))
    expect(page.get_by_role("heading", name="Who is in your photos?")).to_be_visible()
    fake_people(page)
    tokens: list[str | None] = []
    page.on(
        "request",
        lambda request: (
            "/crop" in request.url and tokens.append(request.headers.get("authorization"))
        ),
    )
    page.goto(f"{guarded.base_url}/#/people")
    face = page.locator("ul.people img").first
    expect(face).to_have_js_property("naturalWidth", 1)
    assert face.get_attribute("src").startswith("blob:")  # type: ignore[union-attr]
    assert set(tokens) == {f"Bearer {TOKEN}"}
    page.reload()
    expect(page.locator("ul.people > li").first).to_be_visible()
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("heading", name="Who is in your photos?")).to_be_visible()


def test_a_name_that_is_typed_finds_people(api: httpx.Client, open_page: Open) -> None:
    page = open_page(str(api.base_url))
    fake_people(page)
    page.clock.install()
    asked: list[str] = []

    def answer_search(route: Route) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query)["q"][0])
        found = [person(3)]
        answer = {
            "people": found,
            "total": 1,
            "nextOffset": None,
            "ungroupedFaces": 0,
            "setAsideFaces": 0,
        }
        route.fulfill(body=json.dumps(answer | {"pack": "bundled"}))

    page.goto(f"{api.base_url}/#/people")
    expect(page.locator("ul.people > li").first).to_be_visible()
    page.route("**/api/v1/people?*q=*", answer_search)
    page.clock.pause_at(datetime.now() + timedelta(hours=1))
    page.get_by_label("Find a name").press_sequentially("son 3")
    page.clock.run_for(5_000)
    expect(page.locator("ul.people > li")).to_have_count(1)
    assert asked == ["son 3"]

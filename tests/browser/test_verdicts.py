"""Faces are set aside and taken back, and changes are undone, by keyboard alone."""

from __future__ import annotations

import base64

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine

from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.people import Grouped, fill_people

DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
STEPS = 20


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2, ungrouped=3)


@pytest.fixture
def page(api: httpx.Client, grouped: Grouped, open_page: Open) -> Page:
    """The page of the people, with a dot for each picture."""
    page = open_page(str(api.base_url))
    for picture in ("faces/*/crop", "images/*/thumbnail", "images/*/preview"):
        page.route(f"**/api/v1/{picture}*", lambda route: route.fulfill(body=DOT))
    page.goto(f"{api.base_url}/#/people")
    expect(tiles(page)).to_have_count(3)
    return page


def tiles(page: Page) -> Locator:
    return page.locator("ul.people > li, ul.photos > li")


def go(page: Page, place: str) -> None:
    page.goto(f"{page.url.split('#')[0]}#{place}")
    expect(page.locator("main:not([aria-busy])")).to_be_visible()


def focus(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_attached()
    for _ in range(80):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")


def tick(page: Page, number: int) -> None:
    focus(page, tiles(page).nth(number).get_by_role("checkbox"))
    page.keyboard.press("Space")


def undo_bar(page: Page) -> Locator:
    return page.locator("#undo")


def listed(api: httpx.Client, verdict: str) -> list[int]:
    query = {"verdict": verdict}
    faces = api.get("/api/v1/people/ungrouped/faces", params=query).json()["faces"]
    return [face["faceId"] for face in faces]


@pytest.mark.parametrize(
    ("key", "verdict", "said"),
    [
        ("n", "not_a_face", "Marked 2 faces as not a face"),
        ("s", "stranger", "Marked 2 faces as strangers"),
        ("h", "hidden", "Hid 2 faces"),
    ],
)
def test_faces_of_a_person_are_set_aside_by_one_key(
    page: Page, api: httpx.Client, grouped: Grouped, key: str, verdict: str, said: str
) -> None:
    person, faces = next(iter(grouped.people.items()))
    go(page, f"/people/{person}")
    expect(tiles(page)).to_have_count(4)
    page.keyboard.press(key)
    for number in (0, 1):
        tick(page, number)
    page.keyboard.press(key)
    expect(tiles(page)).to_have_count(2)
    expect(undo_bar(page)).to_contain_text(said)
    assert listed(api, verdict) == faces[:2]
    page.keyboard.press("Control+z")
    expect(tiles(page)).to_have_count(4)
    expect(undo_bar(page)).to_contain_text(f"Undone: {said}. There is nothing else to undo.")


def test_ungrouped_faces_are_set_aside_by_a_button_and_taken_back(
    page: Page, api: httpx.Client, grouped: Grouped
) -> None:
    go(page, "/people/nobody")
    expect(tiles(page)).to_have_count(3)
    tick(page, 1)
    button = page.get_by_role("region", name="Selection").get_by_role("button", name="A stranger")
    focus(page, button)
    page.keyboard.press("Enter")
    expect(tiles(page)).to_have_count(2)
    focus(page, page.get_by_role("link", name="Faces that were set aside"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("No faces have this verdict.")).to_be_visible()
    focus(page, page.get_by_label("Which faces"))
    page.keyboard.press("s")
    expect(tiles(page)).to_have_count(1)
    check_access(page)
    tick(page, 0)
    page.keyboard.press("t")
    expect(page.get_by_text("No faces have this verdict.")).to_be_visible()
    expect(undo_bar(page)).to_contain_text("Took back 1 face")
    go(page, "/people/nobody")
    expect(tiles(page)).to_have_count(3)
    assert listed(api, "stranger") == []


def test_a_person_whose_faces_are_all_set_aside_is_left(page: Page, grouped: Grouped) -> None:
    go(page, f"/people/{grouped.ids[2]}")
    expect(tiles(page)).to_have_count(2)
    for number in (0, 1):
        tick(page, number)
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="People", exact=True)).to_be_visible()
    expect(tiles(page)).to_have_count(2)
    expect(page.get_by_text("2 faces set aside")).to_be_visible()


def test_twenty_changes_are_undone_one_by_one(
    page: Page, api: httpx.Client, grouped: Grouped
) -> None:
    anna = grouped.ids[0]
    for version in range(1, STEPS + 1):
        edit = {"name": f"Name {version}", "version": version}
        assert api.patch(f"/api/v1/people/{anna}", json=edit).status_code == 200
    page.reload()
    expect(undo_bar(page)).to_contain_text(f"Last change: Renamed Name {STEPS - 1} to Name {STEPS}")
    for version in range(STEPS, 1, -1):
        page.keyboard.press("Control+z")
        left = version - 1
        before = f"Renamed Name {left - 1} to Name {left}" if left > 1 else "Named Name 1"
        expect(undo_bar(page)).to_contain_text(f"Undone: Renamed Name {left} to Name {version}.")
        expect(undo_bar(page)).to_contain_text(f"Before that: {before}")
        expect(tiles(page).first.locator("button.name")).to_have_text(f"Name {left}")
    focus(page, undo_bar(page).get_by_role("button", name="Undo: Named Name 1"))
    page.keyboard.press("Enter")
    expect(undo_bar(page)).to_contain_text("There is nothing else to undo.")
    expect(tiles(page).first.locator("button.name")).to_have_text("Add a name")


def test_people_are_hidden_together_and_shown_by_one_undo(page: Page) -> None:
    for number in (0, 1, 2):
        tick(page, number)
    focus(page, page.get_by_role("button", name="Hide", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_text("0 people")).to_be_visible()
    expect(undo_bar(page)).to_contain_text("Hid 3 people")
    page.keyboard.press("Control+z")
    expect(tiles(page)).to_have_count(3)


def test_what_is_typed_is_no_key_of_the_page(page: Page, grouped: Grouped) -> None:
    tick(page, 0)
    focus(page, tiles(page).first.locator("button.name"))
    page.keyboard.press("Enter")
    page.keyboard.type("nsh")
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    expect(tiles(page)).to_have_count(3)


@pytest.mark.parametrize("place", ["nobody", "set-aside", "1"])
def test_the_views_can_be_used_by_everybody_with_faces_chosen(
    api: httpx.Client, page: Page, grouped: Grouped, place: str
) -> None:
    verdict = {"faceIds": grouped.ungrouped[:1], "verdict": "not_a_face"}
    api.post("/api/v1/faces/verdicts", json=verdict)
    go(page, f"/people/{place}")
    expect(tiles(page).first).to_be_visible()
    tick(page, 0)
    expect(page.get_by_role("region", name="Selection")).to_be_visible()
    check_access(page)

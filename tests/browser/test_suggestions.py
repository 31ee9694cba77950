"""Suggestions that two faces are one person, answered by keyboard alone and by touch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from serve.app import AppParts, build_app
from serve.suggestion_lists import SuggestionLists
from tests.api.running import RunningApp
from tests.browser.access import SERIOUS, check_access
from tests.browser.conftest import Open
from tests.browser.watching import Watcher
from tests.people import half_alike
from tests.suggested import fill_alike

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
WAITING = 12


@pytest.fixture
def running(parts: AppParts) -> RunningApp:
    lists = SuggestionLists(thresholds_of=half_alike)
    return RunningApp(build_app(replace(parts, suggestions=lists)))


@pytest.fixture
def address(engine: Engine, api: httpx.Client) -> str:
    """The address of an application with twelve suggestions: people, places and pairs."""
    fill_alike(engine, people=5, places=4, pairs=3)
    return f"{api.base_url}/#/suggestions"


@pytest.fixture
def chromium_phone(chromium: Browser) -> Iterator[Page]:
    """A page on a phone."""
    context = chromium.new_context(**PHONE)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def faces(page: Page) -> tuple[str | None, ...]:
    """Return the addresses of the two faces that are asked about."""
    expect(page.locator(".question .face")).to_have_count(2)
    return tuple(one.get_attribute("src") for one in page.locator(".question .face").all())


def expect_waiting(page: Page, number: int) -> None:
    """Wait until so many questions are waiting, the first of which is shown."""
    if number == 0:
        expect(page.get_by_role("heading", name="All answered")).to_be_visible()
    else:
        text = f"{number} question{'s' if number > 1 else ''} waiting"
        expect(page.get_by_text(text, exact=True)).to_be_visible()


def press(page: Page, key: str, *, left: int) -> None:
    page.keyboard.press(key)
    expect_waiting(page, left)


def test_ten_answers_by_keyboard_alone_are_not_asked_again(address: str, open_page: Open) -> None:
    page = open_page(address)
    expect_waiting(page, WAITING)
    seen = set()
    for number, key in enumerate("yynuynnuyn", start=1):
        seen.add(faces(page))
        press(page, key, left=WAITING - number)
    assert len(seen) == 10
    page.reload()
    expect_waiting(page, WAITING - 10)
    assert faces(page) not in seen
    press(page, "n", left=1)
    assert faces(page) not in seen
    press(page, "n", left=0)
    page.reload()
    expect_waiting(page, 0)


@pytest.mark.long
@pytest.mark.parametrize("key", ["y", "n", "u"])
def test_an_answer_is_undone_by_one_key_and_asked_again(
    address: str, open_page: Open, key: str
) -> None:
    page = open_page(address)
    expect_waiting(page, WAITING)
    before = faces(page)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    press(page, key, left=WAITING - 1)
    assert faces(page) != before
    press(page, "z", left=WAITING)
    assert faces(page) == before
    press(page, "y", left=WAITING - 1)
    assert faces(page) != before


@pytest.mark.long
def test_the_last_answer_can_be_undone_when_all_are_answered(address: str, open_page: Open) -> None:
    page = open_page(address)
    for left in range(WAITING - 1, -1, -1):
        expect_waiting(page, left + 1)
        press(page, "n", left=left)
    press(page, "z", left=1)


@pytest.mark.long
def test_each_question_is_said_to_a_screen_reader(address: str, open_page: Open) -> None:
    page = open_page(address)
    expect_waiting(page, WAITING)
    spoken = page.locator(".same-person [role=status]")
    expect(spoken).to_contain_text("Is this the same person? 94 % alike. A yes settles 2 faces.")
    for left in range(WAITING - 1, -1, -1):
        press(page, "n", left=left)
    expect(spoken).to_have_text("All answered")


@pytest.mark.long
def test_the_keys_can_be_switched_off_and_the_buttons_reached_by_tab(
    address: str, open_page: Open
) -> None:
    page = open_page(address)
    expect_waiting(page, WAITING)
    page.get_by_label("Answer with the keys").uncheck()
    page.keyboard.press("y")
    page.get_by_role("button", name="No", exact=True).focus()
    for name in ("Not sure", "Yes"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()
    press(page, "Enter", left=WAITING - 1)


@pytest.mark.long
def test_of_two_names_a_user_chooses_the_one_that_stays(
    address: str, open_page: Open, api: httpx.Client, watcher: Watcher
) -> None:
    watcher.expect("409")
    first = api.get("/api/v1/suggestions", params={"pack": "bundled"}).json()["suggestions"][0]
    for side, name in (("first", "Anna"), ("second", "Bea")):
        person_id = first[side]["person"]["personId"]
        api.patch(f"/api/v1/people/{person_id}", json={"name": name, "version": 1})
    page = open_page(address)
    expect(page.get_by_role("heading", name="Are Anna and Bea the same person?")).to_be_visible()
    page.keyboard.press("y")
    dialog = page.get_by_role("dialog", name="Which name stays?")
    dialog.get_by_role("button", name="Bea").click()
    expect_waiting(page, WAITING - 1)
    [bea] = api.get("/api/v1/people", params={"named": True}).json()["people"]
    assert (bea["name"], bea["faceCount"]) == ("Bea", 4)


@pytest.mark.long
def test_what_another_client_changed_meanwhile_is_shown_anew(
    address: str, open_page: Open, api: httpx.Client, watcher: Watcher
) -> None:
    watcher.expect("409")
    page = open_page(address)
    expect_waiting(page, WAITING)
    first = api.get("/api/v1/suggestions", params={"pack": "bundled"}).json()["suggestions"][0]
    person_id = first["first"]["person"]["personId"]
    api.patch(f"/api/v1/people/{person_id}", json={"name": "Anna", "version": 1})
    page.keyboard.press("y")
    expect(page.locator("#notice")).to_contain_text("has changed these people")
    expect(page.get_by_role("heading", name="Is this Anna?")).to_be_visible()
    press(page, "y", left=WAITING - 1)


@pytest.mark.long
def test_the_people_page_says_how_many_questions_wait(address: str, open_page: Open) -> None:
    page = open_page(address.replace("suggestions", "people"))
    page.get_by_role("link", name=f"Same person? {WAITING} questions waiting").click()
    expect_waiting(page, WAITING)
    expect(page.get_by_role("heading", name="Same person?", exact=True)).to_be_focused()
    press(page, "y", left=WAITING - 1)


@pytest.mark.long
def test_everybody_can_answer(address: str, open_page: Open) -> None:
    page = open_page(address)
    expect_waiting(page, WAITING)
    page.wait_for_load_state("networkidle")
    check_access(page, least={"minor", "moderate", *SERIOUS})
    for left in range(WAITING - 1, -1, -1):
        press(page, "n", left=left)
    check_access(page, least={"minor", "moderate", *SERIOUS})


@pytest.mark.long
def test_questions_are_answered_by_touch_on_a_phone(address: str, chromium_phone: Page) -> None:
    chromium_phone.goto(address)
    expect_waiting(chromium_phone, WAITING)
    width = chromium_phone.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["viewport"]["width"]  # type: ignore[index]
    yes = chromium_phone.get_by_role("button", name="Yes")
    box = yes.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] + box["height"] <= 800
    yes.tap()
    expect_waiting(chromium_phone, WAITING - 1)

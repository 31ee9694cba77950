"""The people of the demo library: named, merged, moved, hidden, and all of it taken back."""

from __future__ import annotations

import re
from pathlib import Path

import insightface
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.watching import Watcher
from tests.headcount import Headcount
from tests.waiting import wait_until

VIEWS = (
    "",
    "#/sessions/1",
    "#/people",
    "#/people/1",
    "#/people/nobody",
    "#/suggestions",
    "#/people/set-aside",
    "#/photos?people=1,2&match=any",
    "#/nowhere",
    "docs",
)
GROUP_PHOTO = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"


@pytest.fixture
def people(server: Headcount, open_page: Open) -> Page:
    """The page of the people."""
    page = open_page(f"http://127.0.0.1:{server.port}/#/people")
    expect(tiles(page).first).to_be_visible()
    return page


def tiles(page: Page) -> Locator:
    return page.locator("ul.people > li")


def give_name(tile: Locator, name: str) -> None:
    tile.locator("button.name").click()
    tile.get_by_label("Name", exact=True).fill(name)
    tile.get_by_label("Name", exact=True).press("Enter")


def choose(tile: Locator) -> None:
    tile.hover()
    tile.get_by_role("checkbox").check()


def undo(page: Page) -> None:
    page.locator("#undo").get_by_role("button", name="Undo").click()


def ids(page: Page) -> list[str | None]:
    return [tile.get_attribute("data-person") for tile in tiles(page).all()]


def test_naming_a_person_survives_a_reload(people: Page) -> None:
    give_name(tiles(people).first, "Anna")
    expect(tiles(people).first.get_by_role("button", name="Anna: change the name")).to_be_focused()
    expect(people.locator("#undo")).to_contain_text("Anna")
    people.reload()
    expect(tiles(people).first.locator("button.name")).to_have_text("Anna")
    undo(people)
    expect(tiles(people).first.locator("button.name")).to_have_text("Add a name")


def test_merged_people_are_one_until_it_is_undone(people: Page) -> None:
    before = ids(people)
    for number in (0, 1, 2):
        choose(tiles(people).nth(number))
    people.get_by_role("button", name="Merge", exact=True).click()
    dialog = people.get_by_role("dialog")
    dialog.get_by_role("button", name="Merge", exact=True).click()
    expect(tiles(people)).to_have_count(len(before) - 2)
    expect(people.get_by_role("region", name="Selection")).to_be_hidden()
    undo(people)
    expect(tiles(people)).to_have_count(len(before))
    assert sorted(map(str, ids(people))) == sorted(map(str, before))


def test_a_name_that_somebody_has_offers_to_merge_the_two(people: Page, watcher: Watcher) -> None:
    watcher.expect("409")
    count = tiles(people).count()
    give_name(tiles(people).nth(0), "Bert")
    expect(tiles(people).nth(0).locator("button.name")).to_have_text("Bert")
    give_name(tiles(people).nth(3), "Bert")
    dialog = people.get_by_role("dialog", name="Bert already exists")
    dialog.get_by_role("button", name="Different people: use another name").click()
    expect(tiles(people).nth(3).locator("button.name")).to_have_text("Add a name")
    give_name(tiles(people).nth(3), "Bert")
    dialog.get_by_role("button", name="Same person: merge").click()
    expect(tiles(people)).to_have_count(count - 1)
    undo(people)
    expect(tiles(people)).to_have_count(count)


def test_a_hidden_person_is_shown_among_the_hidden_only(people: Page) -> None:
    before = ids(people)
    choose(tiles(people).nth(1))
    people.get_by_role("button", name="Hide").click()
    expect(tiles(people)).to_have_count(len(before) - 1)
    people.get_by_label("Which people").select_option("hidden")
    expect(tiles(people)).to_have_count(1)
    assert ids(people) == before[1:2]
    undo(people)
    expect(people.get_by_text("No matching people.")).to_be_visible()


def test_faces_moved_to_a_new_person_come_back_when_it_is_undone(people: Page) -> None:
    tiles(people).nth(2).locator("a").click()
    photos = people.locator("ul.photos > li")
    expect(photos.first.locator(".mark")).to_be_visible()
    before = photos.count()
    for number in (0, 1):
        choose(photos.nth(number))
    people.get_by_role("button", name="Move …").click()
    people.get_by_role("dialog").get_by_role("button", name="A new person").click()
    expect(photos).to_have_count(before - 2)
    undo(people)
    expect(photos).to_have_count(before)


def test_an_ungrouped_face_is_moved_to_a_person(server: Headcount, open_page: Open) -> None:
    page = open_page(f"http://127.0.0.1:{server.port}/#/people/nobody")
    expect(tiles(page)).to_have_count(1)
    tiles(page).first.get_by_role("button").click()
    expect(page.get_by_role("dialog").locator(".mark")).to_be_visible()
    page.get_by_role("button", name="Somebody else …").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("photos$")).first.click()
    expect(page.get_by_text("Every face belongs to a person.")).to_be_visible()
    undo(page)
    expect(tiles(page)).to_have_count(1)


def test_what_another_tab_changed_meanwhile_is_not_lost(
    people: Page, server: Headcount, open_page: Open, watcher: Watcher
) -> None:
    watcher.expect("409")
    other = open_page(f"http://127.0.0.1:{server.port}/#/people")
    give_name(tiles(other).nth(4), "Clara")
    expect(other.locator("#undo")).to_contain_text("Clara")
    give_name(tiles(people).nth(4), "Dora")
    expect(tiles(people).nth(4).get_by_role("alert")).to_contain_text("has changed this person")
    expect(tiles(people).nth(4).locator("button.name")).to_have_text("Clara")


def test_a_person_is_named_by_keyboard_alone(people: Page) -> None:
    tiles(people).nth(5).locator("a").focus()
    people.keyboard.press("Tab")
    people.keyboard.press("Enter")
    people.keyboard.type("Emil")
    people.keyboard.press("Enter")
    expect(tiles(people).nth(5).locator("button.name")).to_have_text("Emil")
    people.keyboard.press("Enter")
    people.keyboard.type("somebody else")
    people.keyboard.press("Escape")
    expect(tiles(people).nth(5).locator("button.name")).to_have_text("Emil")
    expect(tiles(people).nth(5).locator("button.name")).to_be_focused()


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_used_by_everybody(
    server: Headcount, open_page: Open, watcher: Watcher, view: str
) -> None:
    page = open_page(f"http://127.0.0.1:{server.port}/{view}")
    expect(page.locator("main h1, main h2").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    check_access(page)


def test_every_dialog_can_be_used_by_everybody(server: Headcount, open_page: Open) -> None:
    page = open_page(f"http://127.0.0.1:{server.port}/#/people")
    for number in (0, 1):
        choose(tiles(page).nth(number))
    page.get_by_role("button", name="Merge", exact=True).click()
    check_access(page)
    page.keyboard.press("Escape")
    tiles(page).first.locator("a").click()
    for name in ("Merge with …", "enlarge"):
        page.get_by_role("button", name=name).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_load_state("networkidle")
        check_access(page)
        page.keyboard.press("Escape")


def test_who_is_in_a_photo_from_elsewhere_is_asked_with_a_file(people: Page) -> None:
    people.get_by_label("Find the people of a photo").set_input_files(GROUP_PHOTO)
    dialog = people.get_by_role("dialog", name="Who is in this photo?")
    faces = dialog.locator("ol.found > li")
    expect(faces).to_have_count(5)
    expect(dialog.locator(".mark")).to_have_count(5)
    check_access(people)
    faces.first.get_by_role("link").first.click()
    expect(dialog).to_be_hidden()
    expect(people.locator("ul.photos > li").first).to_be_visible()


def test_a_file_that_is_no_photo_is_said_to_be_none(people: Page, watcher: Watcher) -> None:
    watcher.expect("422")
    letter = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"Dear Anna,"}
    people.get_by_label("Find the people of a photo").set_input_files(letter)
    expect(people.get_by_role("dialog").get_by_role("status")).to_contain_text("The photo:")


def test_a_photo_is_shown_as_large_as_the_screen_and_small_when_its_file_is_gone(
    people: Page, open_page: Open, watcher: Watcher
) -> None:
    tiles(people).first.locator("a").click()
    show_first_photo(people)
    wait_until(lambda: shown_width(people) > 256, "the photo is shown large")
    photo = Path(people.get_by_role("dialog").locator(".path").inner_text())
    watcher.expect("404")
    moved = photo.rename(photo.with_suffix(".moved"))
    try:
        # Another browser: this one keeps the picture.
        other = open_page(people.url)
        show_first_photo(other)
        note = other.get_by_role("dialog").get_by_role("status")
        expect(note).to_contain_text("is gone or has changed")
        assert 0 < wait_until(lambda: shown_width(other), "the photo is shown small") <= 256
    finally:
        moved.rename(photo)


def show_first_photo(page: Page) -> None:
    """Open the first photo of a person's page that is no film."""
    page.get_by_role("button", name=re.compile("enlarge(?!, a film)")).first.click()


def shown_width(page: Page) -> int:
    """Return how many pixels wide the picture of the open photo is; 0 while there is none."""
    image = page.get_by_role("dialog").get_by_role("img")
    width: int = image.evaluate("image => image.complete ? image.naturalWidth : 0")
    return width

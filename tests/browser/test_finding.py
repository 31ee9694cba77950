"""Photos of people, the years of a person, covers, birth dates and ages, on the page."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine, text

from cluster.store.database.engine import begin
from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.test_people import choose, tiles, undo
from tests.browser.watching import Watcher
from tests.people import Album, fill_album, set_times

ANNA, BEA, CARL = 1, 2, 3
PHONE = {"width": 390, "height": 800}
TIMES = ("2014-08-03", "2015-05-03 12:00", "2016-06-01", None, "2016-07-01")


@pytest.fixture
def album(engine: Engine) -> Album:
    """Anna in all five photos, with Bea in three; Bea has no name."""
    album = fill_album(engine, [ANNA, BEA], [ANNA, ANNA], [ANNA, BEA, CARL], [ANNA, BEA, 0], [ANNA])
    with begin(engine) as db:
        set_times(db, album, *TIMES)
        name = text("UPDATE person SET name = 'Anna', name_key = 'anna' WHERE id = :id")
        db.execute(name, {"id": album.people[ANNA]})
    return album


@pytest.fixture
def page(api: httpx.Client, open_page: Open, album: Album, watcher: Watcher) -> Page:
    watcher.expect("404")  # the photos have no files
    return open_page(f"{api.base_url}/#/people")


def go(page: Page, api: httpx.Client, address: str) -> None:
    page.goto(f"{api.base_url}/{address}")
    expect(page.locator("main h1")).to_be_visible()


def photos(page: Page) -> Locator:
    return page.locator("ul.photos > li")


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until `target` has the focus."""
    for _ in range(80):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {target}")


def test_two_people_are_chosen_and_their_photos_seen_by_keyboard_alone(
    page: Page, album: Album
) -> None:
    for number in (0, 1):
        tab_to(page, tiles(page).nth(number).get_by_role("checkbox"))
        page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Photos with them"))
    page.keyboard.press("Enter")
    bea = f"person {album.people[BEA]}"
    expect(page.get_by_role("heading", name=f"Photos with Anna and {bea}")).to_be_focused()
    expect(photos(page)).to_have_count(3)
    expect(page.get_by_text("3 photos", exact=True)).to_be_visible()
    tab_to(page, page.get_by_role("radio", name="With all of them"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name=f"Photos with Anna or {bea}")).to_be_visible()
    expect(photos(page)).to_have_count(5)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name=f"Photos with only Anna and {bea}")).to_be_visible()
    expect(photos(page)).to_have_count(1)
    expect(page.get_by_role("radio", name="With only them")).to_be_focused()
    page.reload()
    expect(photos(page)).to_have_count(1)


def test_a_photo_names_everybody_in_it_with_links(
    page: Page, api: httpx.Client, album: Album
) -> None:
    bea = album.people[BEA]
    go(page, api, f"#/photos?people={album.people[ANNA]},{bea}&match=all")
    photos(page).nth(2).get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    links = dialog.get_by_role("list", name="Who is in this photo").get_by_role("link")
    expect(links).to_have_text(["Anna", f"person {bea}", "unknown"])
    expect(dialog.locator(".mark")).to_have_count(3)
    check_access(page)
    links.nth(1).click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(rf"#/people/{bea}$"))


def test_a_person_s_page_shows_years_and_leads_to_the_photos_of_two(
    page: Page, api: httpx.Client, album: Album
) -> None:
    go(page, api, f"#/people/{album.people[ANNA]}")
    years = page.get_by_role("list", name="Photos by year").get_by_role("listitem")
    expect(years).to_have_text(["20141", "20151", "20162", "undated1"])
    expect(page.get_by_text("From August 3, 2014 to July 1, 2016")).to_be_visible()
    together = page.get_by_role("list", name="Most often together with").get_by_role("link")
    expect(together).to_have_count(2)
    together.first.click()
    expect(photos(page)).to_have_count(3)


def test_a_person_s_page_finds_photos_with_somebody_else(
    page: Page, api: httpx.Client, album: Album
) -> None:
    go(page, api, f"#/people/{album.people[CARL]}")
    page.get_by_role("button", name="Photos with …").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Anna")).click()
    expect(photos(page)).to_have_count(1)
    expect(page.locator("h1")).to_contain_text("and Anna")


def test_a_cover_is_chosen_and_the_choice_taken_back(
    page: Page, api: httpx.Client, album: Album
) -> None:
    anna = album.people[ANNA]
    go(page, api, f"#/people/{anna}")
    cover = page.locator(".person-head img.face")
    last = album.face_ids[4][0]
    choose(photos(page).nth(5))
    page.get_by_role("button", name="Use as cover").click()
    expect(cover).to_have_attribute("src", re.compile(rf"/faces/{last}/crop"))
    undo(page)
    expect(cover).not_to_have_attribute("src", re.compile(rf"/faces/{last}/crop"))
    choose(photos(page).nth(5))
    choose(photos(page).nth(4))
    expect(page.get_by_role("button", name="Use as cover")).to_be_disabled()


def test_the_chosen_cover_is_left_to_headcount_again(
    page: Page, api: httpx.Client, album: Album
) -> None:
    anna, face = album.people[ANNA], album.face_ids[4][0]
    body = {"faceId": face, "version": 1}
    assert api.put(f"/api/v1/people/{anna}/cover", json=body).status_code == 200
    go(page, api, f"#/people/{anna}")
    cover = page.locator(".person-head img.face")
    expect(cover).to_have_attribute("src", re.compile(rf"/faces/{face}/crop"))
    choose(photos(page).nth(5))
    page.get_by_role("button", name="Use the best face as cover").click()
    expect(cover).not_to_have_attribute("src", re.compile(rf"/faces/{face}/crop"))


def test_a_birth_date_shows_ages_and_lets_earlier_faces_go_until_it_is_undone(
    page: Page, api: httpx.Client, album: Album
) -> None:
    go(page, api, f"#/people/{album.people[ANNA]}")
    expect(photos(page)).to_have_count(6)
    page.get_by_role("button", name="Add a birth date").click()
    check_access(page)
    page.get_by_label("Birth date").fill("2014-12-03")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Born December 3, 2014")).to_be_visible()
    expect(photos(page)).to_have_count(5)
    expect(photos(page).locator(".age")).to_have_text(
        ["5 months", "5 months", "17 months", "18 months"]
    )
    photos(page).first.get_by_role("button", name="enlarge, 5 months").click()
    inside = page.get_by_role("list", name="Who is in this photo")
    expect(inside).to_contain_text("Anna 5 months")
    page.keyboard.press("Escape")
    undo(page)
    expect(page.get_by_role("button", name="Add a birth date")).to_be_visible()
    expect(photos(page)).to_have_count(6)
    expect(photos(page).locator(".age")).to_have_count(0)


def test_a_list_of_photos_tells_the_age_of_those_who_are_in_them(
    page: Page, api: httpx.Client, album: Album
) -> None:
    bea, carl = album.of(BEA, CARL)
    api.patch(f"/api/v1/people/{carl}", json={"birthDate": "2006-06-01", "version": 1})
    go(page, api, f"#/photos?people={bea},{carl}&match=any")
    expect(photos(page)).to_have_count(3)
    expect(photos(page).locator(".age")).to_have_text([f"person {carl} 10 years"])


def test_a_birth_date_is_removed(page: Page, api: httpx.Client, album: Album) -> None:
    anna = album.people[ANNA]
    api.patch(f"/api/v1/people/{anna}", json={"birthDate": "2000-05-03", "version": 1})
    go(page, api, f"#/people/{anna}")
    page.get_by_role("button", name="Born May 3, 2000").click()
    page.get_by_role("button", name="Remove the date").click()
    expect(page.get_by_role("button", name="Add a birth date")).to_be_visible()


def test_a_person_who_is_gone_is_told_on_the_page_of_photos(page: Page, api: httpx.Client) -> None:
    go(page, api, "#/photos?people=4711")
    expect(page.get_by_role("alert").filter(has_text="4711")).to_be_visible()


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["wide", "phone"])
def test_every_view_of_finding_can_be_used_by_everybody(
    page: Page, api: httpx.Client, album: Album, viewport: dict[str, int] | None
) -> None:
    if viewport:
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
    people = f"{album.people[ANNA]},{album.people[BEA]}"
    for address in (f"#/photos?people={people}&match=any", f"#/people/{album.people[ANNA]}"):
        go(page, api, address)
        expect(photos(page).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        check_access(page)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0

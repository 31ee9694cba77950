"""Whole sessions on a real Ray, started and watched on the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.test_people import tiles
from tests.browser.watching import Watcher
from tests.browser.wires import lay_wire
from tests.commit_slots import slots_taken
from tests.end_to_end.pictures import make_pictures
from tests.end_to_end.test_control import find_drivers
from tests.headcount import Headcount
from tests.waiting import wait_until

COLLECT_PERCENTAGES = """() => {
  window.percentages = [];
  const look = () => {
    const text = document.querySelector("#overall")?.textContent;
    if (text && text !== percentages.at(-1)) percentages.push(text);
  };
  new MutationObserver(look).observe(document.body,
    { subtree: true, childList: true, characterData: true });
}"""


def start_from_form(page: Page, root: Path, *, name: str) -> None:
    page.get_by_label("Folder").fill(str(root))
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def numbers(page: Page) -> list[str]:
    return page.locator(".percent, .amount").all_inner_texts()


def test_a_session_started_from_the_form_reaches_100_percent_on_screen(
    server: Headcount, open_page: Open, watcher: Watcher, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "photos", 120)
    page = open_page(f"http://127.0.0.1:{server.port}/")
    page.evaluate(COLLECT_PERCENTAGES)
    start_from_form(page, tmp_path / "photos", name="Patches")
    expect(page.locator("#overall")).to_have_text("100.00 %")
    expect(page.locator(".sentence")).to_contain_text("Done: 120 photos processed")
    expect(page.get_by_role("link", name="Show the people")).to_be_visible()

    seen = [float(text.split()[0]) for text in page.evaluate("percentages") if "%" in text]
    assert seen[-1] == 100
    assert seen == sorted(seen)
    watcher.wait_for_silence(page)


def test_a_paused_session_shows_the_same_numbers_after_a_reload_and_goes_on(
    server: Headcount, open_page: Open, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "photos", 120, seed=3)
    page = open_page(f"http://127.0.0.1:{server.port}/")
    with slots_taken(server.data_dir):
        start_from_form(page, tmp_path / "photos", name="Interrupted")
        expect(page.locator("#overall")).to_contain_text("%")
        page.get_by_role("button", name="Pause").click()
        expect(page.locator(".overview .chip")).to_have_text("Paused")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(page.get_by_role("button", name="Start again from here").first).to_be_hidden()
    session_id = int(page.url.rpartition("/")[2])
    wait_until(lambda: not find_drivers(session_id), "what was in flight is settled")

    other = open_page(page.url)
    expect(other.locator(".overview .chip")).to_have_text("Paused")
    settled = numbers(other)
    assert settled[0] != "100.00 %"
    wait_until(lambda: numbers(page) == settled, "the page shows what is settled")
    page.reload()
    expect(page.locator(".overview .chip")).to_have_text("Paused")
    wait_until(lambda: numbers(page) == settled, "it shows the same after a reload")

    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#overall")).to_have_text("100.00 %")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(page.get_by_role("button", name="Start again from here")).to_have_count(3)


@pytest.mark.drill
def test_losing_the_server_for_three_seconds_is_shown_and_recovers(
    server: Headcount, open_page: Open, watcher: Watcher, tmp_path: Path
) -> None:
    watcher.expect("ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|ERR_SOCKET")
    make_pictures(tmp_path / "photos", 120, seed=2)
    with lay_wire(server.port) as wire:
        page = open_page(wire.url)
        with slots_taken(server.data_dir):
            start_from_form(page, tmp_path / "photos", name="Torn")
            expect(page.locator("#overall")).to_contain_text("%")
            wire.cut()
            expect(page.locator("#notice")).to_contain_text("The connection to the server is lost")
            page.wait_for_timeout(3_000)
            wire.mend()
            expect(page.locator("#notice")).to_be_empty()
        expect(page.locator("#overall")).to_have_text("100.00 %")


@pytest.mark.drill
def test_a_session_that_fails_says_why(server: Headcount, open_page: Open, tmp_path: Path) -> None:
    """[13]"""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_text(f"{number} is not a photo")
    page = open_page(f"http://127.0.0.1:{server.port}/")
    start_from_form(page, folder, name="Shopping lists")
    expect(page.locator(".overview .chip")).to_have_text("Failed")
    expect(page.locator("article.phase").first.get_by_role("alert")).not_to_be_empty()
    expect(page.locator(".failures tbody tr")).to_have_count(3)


def test_a_folder_that_is_not_allowed_is_refused_beside_the_field(
    server: Headcount, open_page: Open, watcher: Watcher
) -> None:
    watcher.expect("403")
    page = open_page(f"http://127.0.0.1:{server.port}/")
    page.get_by_label("Folder").fill("/etc")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("outside the folders that may be indexed")
    expect(page.get_by_label("Folder")).to_have_attribute("aria-invalid", "true")


def unfold(page: Page, address: str) -> None:
    """Show the history of the library over which the session at `address` went."""
    session = page.locator(f"table.sessions a[href='{address}']")
    page.locator("li.library", has=session).locator("summary").last.click()


def test_the_list_of_sessions_shows_what_each_came_to(server: Headcount, open_page: Open) -> None:
    page = open_page(f"http://127.0.0.1:{server.port}/")
    unfold(page, "#/sessions/1")
    row = page.locator("table.sessions tbody tr", has=page.locator("a[href='#/sessions/1']"))
    expect(row).to_contain_text("Completed")
    expect(row.locator("[data-title=Photos]")).to_have_text("61")
    expect(row.locator("[data-title=People]")).to_have_text("6")


def test_a_person_is_erased_for_good_after_a_question(server: Headcount, open_page: Open) -> None:
    people = open_page(f"http://127.0.0.1:{server.port}/#/people")
    expect(tiles(people).first).to_be_visible()
    before = tiles(people).count()
    tiles(people).last.locator("a").click()
    people.get_by_role("button", name="Erase …").click()
    check_access(people)
    people.get_by_role("button", name="Cancel", exact=True).click()
    people.get_by_role("button", name="Erase …").click()
    people.get_by_role("button", name="Erase for good").click()
    expect(tiles(people)).to_have_count(before - 1)


def test_a_session_is_erased_with_all_that_was_known_of_its_photos(
    server: Headcount, open_page: Open
) -> None:
    page = open_page(f"http://127.0.0.1:{server.port}/")
    for address in ("#/sessions/1", "#/sessions/2"):  # Both have found the same photos.
        unfold(page, address)
        page.locator(f"table.sessions a[href='{address}']").click()
        page.get_by_role("button", name="Erase this session …").click()
        page.get_by_role("button", name="Erase for good").click()
        expect(page.get_by_role("heading", name="Who is in your photos?")).to_be_visible()
        expect(page.locator(f"table.sessions a[href='{address}']")).to_have_count(0)
    page.get_by_role("link", name="People").click()
    expect(page.get_by_text("No people yet")).to_be_visible()

"""Two sessions side by side on the page, and the speed of one over its time."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from cluster.core.time_left.timing import Scope
from cluster.store.database.engine import begin
from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.watching import Watcher
from tests.histories import PHOTOS, History, add_samples, fill_history

PHONE = {"width": 390, "height": 800}


@pytest.fixture
def history(engine: Engine) -> History:
    """Two sessions with samples of their speed; the second one was slower."""
    made = fill_history(engine)
    with begin(engine) as db:
        for session_id, slower in ((made.first, 1.0), (made.second, 2.0)):
            training = [(slower * n, 2 * n) for n in range(PHOTOS // 2 + 1)]
            begun = training[-1][0]
            detection = [(begun + slower * n, 4 * n) for n in range(PHOTOS // 4 + 1)]
            add_samples(db, session_id, Scope.TRAINING, *training)
            add_samples(db, session_id, Scope.FACE_DETECTION, *detection)
    return made


def open_comparison(api: httpx.Client, open_page: Open, query: str = "", **options: object) -> Page:
    return open_page(f"{api.base_url}/#/sessions/2/compare{query}", **options)


def test_the_list_of_sessions_leads_to_the_comparison_with_the_one_before(
    api: httpx.Client, open_page: Open, history: History
) -> None:
    page = open_page(f"{api.base_url}/")
    page.locator("li.library summary").last.click()
    links = page.locator("table.sessions a", has_text="with the previous one")
    expect(links.first).to_be_visible()
    assert [link.is_visible() for link in links.all()] == [True, False], (
        "the oldest has none before"
    )
    links.first.press("Enter")
    expect(page.get_by_role("heading", name="Session 2 compared")).to_be_focused()
    expect(page.locator(".told")).to_contain_text(
        "Reading photos was 2 times slower: 2 times more pixels per photo."
    )
    expect(page).to_have_title("Session 2 compared · Headcount")


def test_each_phase_has_a_table_and_a_chart_that_can_be_read_as_a_table(
    api: httpx.Client, open_page: Open, history: History
) -> None:
    page = open_comparison(api, open_page, "?with=1")
    reading = page.locator("section.beside", has=page.get_by_role("heading", name="Reading photos"))
    speed = reading.get_by_role("row", name="Photos per second")
    expect(speed.get_by_role("cell")).to_have_text(["1", "2"])
    chart = reading.get_by_role("img", name="Reading photos: photos per second")
    expect(chart).to_be_visible()
    words = chart.locator("desc").text_content() or ""
    assert "Session 2: 1 to 1 photos per second, 1 on average over 40 s." in words
    assert "Session 1: 2 to 2 photos per second, 2 on average over 20 s." in words
    reading.get_by_text("As a table").press("Enter")
    rows = reading.locator("figure tbody tr")
    expect(rows).to_have_count(10)
    expect(rows.first.get_by_role("cell")).to_have_text(["1", "2"])
    expect(rows.last.get_by_role("cell")).to_have_text(["1", "–"])
    people = page.get_by_role("row", name="People gained")
    expect(people.get_by_role("cell")).to_have_text(["3", "3"])


def test_failures_are_listed_by_their_reasons(
    api: httpx.Client, open_page: Open, history: History
) -> None:
    page = open_comparison(api, open_page, "?with=1")
    reasons = page.locator(".reasons")
    expect(reasons.first.locator("tbody td")).to_have_text(
        ["4", "no answer for … s from …", "Reading photos"]
    )
    expect(reasons.last).to_contain_text("Session 1: No photo failed")


def test_another_session_is_chosen_by_keyboard(
    api: httpx.Client, open_page: Open, engine: Engine, history: History
) -> None:
    fill_history(engine, pack="buffalo_l", letters="cd")
    page = open_page(f"{api.base_url}/#/sessions/4/compare")
    expect(page.get_by_role("heading", name="Compared with Session 3")).to_be_visible()
    expect(page.locator(".doubt")).to_have_text("Their packs differ: buffalo_l, and bundled.")
    choice = page.get_by_label("Compare with")
    choice.focus()
    choice.select_option("1")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Compared with Session 1")).to_be_visible()
    assert page.url.endswith("#/sessions/4/compare?with=1")
    expect(page.get_by_label("Compare with")).to_have_value("1")


def test_without_an_earlier_session_or_samples_the_page_says_so(
    api: httpx.Client, open_page: Open, engine: Engine
) -> None:
    fill_history(engine)
    page = open_page(f"{api.base_url}/#/sessions/1/compare")
    expect(page.get_by_text("There is no earlier session over this library")).to_be_visible()
    expect(page.get_by_label("Compare with")).to_have_count(1)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("No speed over time is recorded for these sessions.")).to_have_count(3)
    page.goto(f"{api.base_url}/#/sessions/1")
    expect(page.get_by_text("No speed over time is recorded for this session.")).to_be_visible()
    expect(page.locator("figure.speed")).to_have_count(0)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?with=2", "Session 2 cannot be compared with itself"),
        ("?with=4711", "There is no session 4711."),
        ("?with=x", "query.with"),
    ],
)
def test_a_comparison_that_cannot_be_made_says_why(
    api: httpx.Client, open_page: Open, history: History, watcher: Watcher, query: str, said: str
) -> None:
    watcher.expect("4(04|22)")
    page = open_comparison(api, open_page, query)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.locator("#main")).to_contain_text(said)


def test_a_session_shows_its_own_speed_over_time(
    api: httpx.Client, open_page: Open, history: History
) -> None:
    page = open_page(f"{api.base_url}/#/sessions/2")
    chart = page.locator("section.history").get_by_role("img")
    expect(chart).to_be_visible()
    words = chart.locator("desc").text_content() or ""
    assert "Reading photos: 1 to 1 photos per second, 1 on average over 40 s." in words
    assert "Finding faces: 2 to 2 photos per second, 2 on average over 20 s." in words
    check_access(page)
    page.get_by_role("link", name="Compare with the previous session").click()
    expect(page.get_by_role("heading", name="Compared with Session 1")).to_be_visible()


def test_everybody_can_use_the_comparison(
    api: httpx.Client, open_page: Open, history: History
) -> None:
    page = open_comparison(api, open_page)
    expect(page.get_by_role("img")).to_have_count(2)
    for table in page.get_by_text("As a table").all():
        table.click()
    check_access(page)


def test_on_a_phone_nothing_of_the_comparison_is_cut_off(
    api: httpx.Client, open_page: Open, history: History
) -> None:
    page = open_comparison(api, open_page)
    page.set_viewport_size(PHONE)
    expect(page.get_by_role("img").first).to_be_visible()
    for table in page.get_by_text("As a table").all():
        table.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check_access(page)

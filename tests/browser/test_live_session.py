"""One session on the page, while a worker does what workers do."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from cluster.core.progress import ClusteringResult
from cluster.core.sessions import PhaseName
from tests.api.running import Worker, unreadable
from tests.browser.conftest import Open
from tests.browser.watching import Watcher


@pytest.fixture
def page(api: httpx.Client, worker: Worker, open_page: Open) -> Page:
    """The page of the worker's session."""
    return open_page(f"{api.base_url}/#/sessions/{worker.session_id}")


def overall(page: Page) -> str:
    return page.locator("#overall").inner_text()


def phase(page: Page, title: str) -> Locator:
    return page.locator("article.phase", has=page.get_by_role("heading", name=title))


def sentence(page: Page) -> Locator:
    return page.locator(".sentence")


def numbers(page: Page) -> list[str]:
    """What is counted: all but the rate and the time left, which are measured anew."""
    counted = ".percent, .amount, .processed dd, .skipped dd, .failed dd, .started dd, .finished dd"
    return page.locator(counted).all_inner_texts()


def test_while_photos_are_discovered_the_count_runs_without_a_percentage(
    page: Page, worker: Worker
) -> None:
    expect(sentence(page)).to_have_text("Waiting for the Ray cluster to start the session")
    worker.find(40)
    expect(sentence(page)).to_have_text("Looking for photos: 40 files found so far, 0 read")
    worker.find(60, first=41)
    expect(sentence(page)).to_have_text("Looking for photos: 100 files found so far, 0 read")
    assert overall(page) == "counting"
    assert page.get_by_role("progressbar", name="Overall").get_attribute("aria-valuenow") is None


def test_a_bar_never_shows_more_than_the_server_said(page: Page, worker: Worker) -> None:
    page.evaluate(
        """() => {
          window.overshoots = [];
          const bars = document.getElementsByClassName("bar");
          const look = () => {
            for (const bar of bars) {
              const fill = bar.firstElementChild.getBoundingClientRect().width;
              const said = (bar.getAttribute("aria-valuenow") ?? 0) / 100;
              const width = bar.getBoundingClientRect().width;
              if (fill > said * width + 1) overshoots.push([bar.ariaLabel, fill / width, said]);
            }
            requestAnimationFrame(look);
          };
          look();
        }"""
    )
    worker.find(20)
    worker.end_discovery()
    for count in (3, 9, 15):
        worker.report_in_flight(PhaseName.TRAINING, batch_id=1, count=count)
        expect(phase(page, "Reading photos")).to_contain_text(f"{count} of 20 photos")
        page.wait_for_timeout(150)
    worker.train_all()
    worker.complete(PhaseName.TRAINING)
    expect(page.locator("#overall")).to_have_text("30.00 %")
    assert page.evaluate("overshoots") == []


def test_a_reload_in_the_middle_shows_the_same_numbers(page: Page, worker: Worker) -> None:
    worker.find(40)
    worker.end_discovery()
    worker.train([unreadable(item) for item in worker.pending(PhaseName.TRAINING, limit=3)])
    worker.report_in_flight(PhaseName.TRAINING, batch_id=7, count=10)
    expect(phase(page, "Reading photos")).to_contain_text("13 of 40 photos")
    before = numbers(page)
    page.reload()
    expect(phase(page, "Reading photos")).to_contain_text("13 of 40 photos")
    expect(page.get_by_role("heading", name="3 photos failed")).to_be_visible()
    assert numbers(page) == before


@pytest.mark.long
def test_clustering_shows_its_step_and_its_count(page: Page, worker: Worker) -> None:
    worker.find(2)
    worker.finish_photos()
    worker.start(PhaseName.CLUSTERING)
    worker.cluster(250, total=1000, step="neighbours")
    expect(sentence(page)).to_have_text("Grouping people: comparing faces, 250 of 1,000 faces")
    expect(page.locator("#overall")).to_have_text("96.25 %")


@pytest.mark.long
def test_a_phase_that_fails_shows_its_error(page: Page, worker: Worker) -> None:
    """[5]"""
    worker.find(2)
    worker.finish_photos()
    worker.start(PhaseName.CLUSTERING)
    worker.fail(PhaseName.CLUSTERING, error="The neighbours did not fit into memory.")
    card = phase(page, "Grouping people")
    expect(card.get_by_role("alert")).to_have_text("The neighbours did not fit into memory.")
    expect(card.locator(".chip")).to_have_text("Failed")
    expect(sentence(page)).to_have_text("Stopped by an error while grouping people")
    assert overall(page) != "100.00 %"


@pytest.mark.long
def test_after_the_end_nothing_is_asked_any_more(
    page: Page, worker: Worker, watcher: Watcher
) -> None:
    """[7]"""
    worker.find(2)
    worker.finish_photos()
    worker.finish_clustering(ClusteringResult(3, 9, 1))
    expect(page.get_by_role("link", name="Show the people")).to_be_visible()
    watcher.wait_for_silence(page)


@pytest.mark.long
def test_failures_are_listed_and_can_be_filtered(page: Page, worker: Worker) -> None:
    worker.find(6)
    worker.end_discovery()
    first, second, *_ = worker.pending(PhaseName.TRAINING)
    worker.train([unreadable(first, "the file is empty"), unreadable(second, "it holds text")])
    rows = page.locator(".failures tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Contains").fill("EMPTY")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("the file is empty")
    page.get_by_label("Contains").fill("")
    page.get_by_label("Phase", exact=True).select_option(label="Finding faces")
    expect(rows).to_have_count(0)


@pytest.mark.long
def test_where_streams_are_held_back_the_page_polls(
    api: httpx.Client, worker: Worker, open_page: Open, watcher: Watcher
) -> None:
    page = open_page(str(api.base_url))
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=""))
    page.goto(f"{api.base_url}/#/sessions/{worker.session_id}")
    worker.find(5)
    expect(sentence(page)).to_contain_text("5 files found so far")
    worker.end_discovery()
    worker.report_in_flight(PhaseName.TRAINING, batch_id=1, count=2)
    expect(sentence(page)).to_contain_text("2 of 5 photos")
    assert watcher.api_requests().count(f"/api/v1/training/{worker.session_id}/events") == 1


@pytest.mark.long
def test_a_session_that_ends_while_its_page_opens_offers_what_is_legal_at_its_end(
    api: httpx.Client, worker: Worker, open_page: Open
) -> None:
    path = f"/api/v1/training/{worker.session_id}"
    old = iter([api.get(path).raise_for_status().json()])
    worker.find(3)
    worker.finish_photos()
    worker.finish_clustering(ClusteringResult(1, 3, 0))
    page = open_page(str(api.base_url))

    def answer(route: Route) -> None:
        body = next(old, None)
        if body is None:
            route.continue_()
        else:
            route.fulfill(json=body)

    page.route(f"**{path}", answer)
    page.goto(f"{api.base_url}/#/sessions/{worker.session_id}")
    again = phase(page, "Finding faces").get_by_role("button", name="Start again from here")
    expect(again).to_be_visible()


@pytest.mark.long
def test_a_phase_that_is_started_again_is_followed_again(page: Page, worker: Worker) -> None:
    worker.find(3)
    worker.finish_photos()
    worker.finish_clustering(ClusteringResult(1, 3, 0))
    expect(page.locator("#overall")).to_have_text("100.00 %")
    again = phase(page, "Finding faces").get_by_role("button", name="Start again from here")
    again.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("#overall")).to_have_text("100.00 %")
    again.click()
    page.get_by_role("dialog").get_by_role("button", name="Start again").click()
    expect(page.locator("#overall")).to_have_text("30.00 %")
    expect(again).to_be_hidden()
    worker.start(PhaseName.FACE_DETECTION)
    expect(phase(page, "Finding faces")).to_contain_text("0 of 3 photos")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

"""How long a session will take, as the page says it: of the session, as a range, to its end."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Page, expect

from cluster.core.sessions import PhaseName
from serve.app import AppParts, build_app
from tests.api.conftest import Start
from tests.api.running import NO_PEOPLE, RunningApp, Worker
from tests.browser.conftest import Open

RANGE = r"(?:about [\w ]+?|at most \d+ \w+|\d+ to \d+ \w+|a few seconds)"


@pytest.fixture
def clock(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the live view, in seconds, which tests set."""
    return set_clock(worker, monkeypatch)


def set_clock(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds = [100.0]
    monkeypatch.setattr(worker.progress, "_clock", lambda: seconds[0])
    monkeypatch.setattr(worker.progress._clocks, "_now", lambda: seconds[0])
    return seconds


def read_photos(worker: Worker, clock: list[float], *, count: int) -> None:
    """Read one photo each second."""
    worker.find(2 * count)
    worker.end_discovery()
    for done in range(1, count + 1):
        clock[0] += 1.0
        worker.report_in_flight(PhaseName.TRAINING, batch_id=1, count=done)
        worker.app.run(worker.progress.tick())


def test_the_page_says_the_time_of_the_whole_session_and_that_of_a_phase_at_the_phase(
    api: httpx.Client, worker: Worker, clock: list[float], open_page: Open
) -> None:
    page = open_page(f"{api.base_url}/#/sessions/{worker.session_id}")
    read_photos(worker, clock, count=40)
    whole = re.compile(rf"^{RANGE} left for the whole session$", re.I)
    expect(page.locator(".left").first).to_have_text(whole)
    expect(page.locator(".sentence")).not_to_contain_text("left")
    reading = page.locator("article.phase").first
    expect(reading.locator("div.left dd")).to_have_text(re.compile(rf"^{RANGE}$", re.I))


def test_at_the_end_the_page_says_how_many_promises_held(
    api: httpx.Client, worker: Worker, clock: list[float], open_page: Open
) -> None:
    page = open_page(f"{api.base_url}/#/sessions/{worker.session_id}")
    read_photos(worker, clock, count=10)
    worker.finish_photos()
    worker.finish_clustering(NO_PEOPLE)
    said = re.compile(r"^Of \d+ promises about the time left, \d+ were kept\.$")
    expect(page.locator(".kept")).to_have_text(said)


@pytest.mark.parametrize(("main_bar", "unit"), [("work", "of the work"), ("time", "of the time")])
def test_the_main_bar_is_of_the_work_or_of_the_time_and_says_which(
    parts: AppParts,
    start: Start,
    open_page: Open,
    monkeypatch: pytest.MonkeyPatch,
    main_bar: str,
    unit: str,
) -> None:
    running = RunningApp(build_app(replace(parts, main_bar=main_bar)))  # type: ignore[arg-type]
    api = start(running)
    worker = Worker(parts.engine, running, parts.progress)  # type: ignore[arg-type]
    worker.create_session()
    page: Page = open_page(f"{api.base_url}/#/sessions/{worker.session_id}")
    read_photos(worker, set_clock(worker, monkeypatch), count=30)
    expect(page.locator(".unit")).to_have_text(unit)
    overall = api.get(f"/api/v1/training/{worker.session_id}/progress/unified").json()
    share = overall["overallProgress"]["percentage" if main_bar == "work" else "timePercentage"]
    expect(page.locator("#overall")).to_have_text(f"{share:.2f} %")

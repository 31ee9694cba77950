"""A real Chromium, the application with a worker at hand, and Headcount with its demo library."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.api.conftest import (  # noqa: F401  (the same application, seen through a browser)
    api,
    jobs,
    library,
    parts,
    progress,
    running,
    start,
    worker,
)
from tests.browser.watching import Watcher
from tests.headcount import FinishedLibrary, Headcount
from tests.kept_servers import IN_BROWSER
from tests.waiting import PATIENT_S, wait_until

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE = {"width": 1280, "height": 800}
PATIENT_MS = 1000 * PATIENT_S

expect.set_options(timeout=PATIENT_MS)

Open = Callable[..., Page]


SHORT = {"test_live_session.py", "test_suggestions.py"}
"""What `make test` looks at: a session, and questions about people. Other views are long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser, so that `-m 'not browser'` leaves it out, and what is long."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
            if item.path.name not in SHORT:
                item.add_marker("long")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium of this machine; its tests are skipped without one.

    Playwright keeps an event loop running in this thread, which must end before other tests begin.
    """
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"needs a browser; none of {', '.join(PROGRAMS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def watcher() -> Watcher:
    """Sees what the page asks for and complains of; at the end all of it must be allowed."""
    return Watcher()


@pytest.fixture
def open_page(chromium: Browser, watcher: Watcher) -> Iterator[Open]:
    """Opens a page at a URL, in a browser context of its own."""
    contexts = []

    def open_at(url: str, **options: object) -> Page:
        context = chromium.new_context(viewport=WIDE, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENT_MS)
        watcher.watch(page, home=url)
        page.goto(url)
        return page

    yield open_at
    for context in contexts:
        context.close()
    watcher.check()


@pytest.fixture(scope="module")
def server(finished_library: FinishedLibrary, demo_library: Path) -> Headcount:
    """The server that the files of `IN_BROWSER` share; its own session has ended."""
    run = IN_BROWSER.give(finished_library, demo_library)
    wait_until_over(run, 2)
    return run


def wait_until_over(run: Headcount, session_id: int) -> None:
    def is_over() -> bool:
        status = run.get(f"/api/v1/training/{session_id}").body["status"]
        return status in {"completed", "failed", "cancelled"}

    wait_until(is_over, f"session {session_id} ends", every_s=0.3)
